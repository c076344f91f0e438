/*
 * The protocol of native/core/state: freezers, thawers, a holder, a registrar and a closer in threads of their
 * own, every interleaving. Each step that another thread can see is one statement here: a load, an exchange, a signal.
 * `npm run model` checks it; docs/model/README.md says in plain words what is proved and what is not.
 *
 * Switches, by -D:
 *   FREEZERS, THAWERS   how many; HOLDER, FORCER, REGISTRAR, CLOSER add one of each; CONFIRMERS how many freeze in
 *                       steps, and release the lock in between
 *   WITHOUT_EVEN_RULE   a thaw continues what is stopped even if a newer freeze stopped it: must fail
 *   WITHOUT_RECHECK     a freeze does not check the word between two signals: holds all the same, for that check
 *                       makes a thaw quick (G6) and no more
 *   WITHOUT_ROLLBACK    a freeze that lost leaves its members stopped: must fail
 *   HOLD_AFTER_THAW     a hold is counted after its thaw instead of before: must fail
 *   UNLOCKED_NEWCOMER   a newcomer is stopped after the lock was released: must fail
 *   INHERITED_STOPS     a freeze continues where the steps of an older one ended: must fail
 *   WITHOUT_UNDOING     a confirmation that is dropped does not undo its stops: must fail
 *   FORGOTTEN_STOPS     a member that joins or leaves makes the stops of earlier steps forgotten: must fail
 *   LATE_WORD           a thaw moves the word under the lock: holds all the same, for moving it before makes a thaw quick
 *                       (G6) and no more
 */

#ifndef FREEZERS
#define FREEZERS 2
#endif
#ifndef THAWERS
#define THAWERS 2
#endif

#ifndef CONFIRMERS
#define CONFIRMERS 0
#endif

#define MEMBERS 2        /* one from the start, one that the registrar adds and takes away */
#define CLOSED 254       /* even, and above every other word */
#define NONE 255

#define running(epoch) ((epoch) * 2)
#define frozen(epoch) ((epoch) * 2 + 1)
#define thawed(word) (((word) | 1) + 1)
#define isFrozen(word) ((word) & 1)

byte word = 0;
byte holds = 0;
bool locked = false;

/* What the core knows of its members. */
bool member[MEMBERS];
bool marked[MEMBERS];

/* The attempt in progress (Attempt in the core): its epoch, or NONE, and the member that is next. */
byte inProgress = NONE;
byte next = 0;

/* What is true of the processes: whether they are stopped, and by the freeze of which thread at which epoch. */
bool stopped[MEMBERS];
byte stoppedBy[MEMBERS] = NONE;
byte stoppedAt[MEMBERS];

byte lastThawed = 0;     /* the newest epoch whose thaw has returned */
byte holding = 0;        /* holds whose call has returned and that were not released */
bool closeReturned = false;
bool isLeaving = false;  /* the second member was continued, and is about to be removed */

#define lock() atomic { !locked; locked = true }
#define unlock() locked = false

/* G5, always: the state reads frozen only while every member is stopped. */
#define allStopped ((!member[0] || stopped[0]) && (!member[1] || isLeaving || stopped[1]))
/* G1, G3, G4: once all operations are over, none is stopped where the state reads running. */
#define noneStopped (!stopped[0] && !stopped[1])

inline stop(m, who, epoch) {
  d_step {
    assert(epoch >= lastThawed);            /* G1: no freeze stops anything once a newer thaw has returned */
    assert(!closeReturned);
    stopped[m] = true;
    stoppedBy[m] = who;                     /* NONE: as a newcomer, by no freeze */
    stoppedAt[m] = epoch;
    marked[m] = true;
  }
}

inline continue_(m) {
  d_step {
    stopped[m] = false;
    stoppedBy[m] = NONE;
    stoppedAt[m] = 0;
    marked[m] = false;
  }
}

/* The lock is held. */
inline continueMarked(m) {
  m = 0;
  do
  :: m < MEMBERS ->
     if
     :: marked[m] -> continue_(m)
     :: else
     fi;
     m++
  :: else -> break
  od;
  m = 0
}

/* Where the signals begin: the lock is held. */
inline beginStop(m, epoch) {
#ifndef INHERITED_STOPS
  if
  :: inProgress != NONE && inProgress != epoch -> continueMarked(m); inProgress = NONE
  :: else
  fi;
#endif
  if
  :: inProgress == NONE -> m = 0
  :: else -> m = next
  fi;
  inProgress = NONE;
  next = 0
}

/* Takes its ticket at any time before, as an emulator does, or makes up one that is not reached yet, and freezes at it. */
proctype Freezer(byte who) {
  byte epoch, m;
  bool isRefused;

  atomic {
    if
    :: word == CLOSED -> epoch = NONE
    :: word != CLOSED -> epoch = word / 2
    :: word != CLOSED -> epoch = word / 2 + 1
    fi
  }
  if
  :: epoch == NONE -> goto end
  :: else
  fi;

  /* The fast path: no lock. */
  if
  :: word == running(epoch)
  :: else -> goto end                        /* true if frozen at this epoch, else false: it stopped nothing */
  fi;

  lock();
  if
  :: word == running(epoch)
  :: else -> unlock(); goto end
  fi;
  if
  :: holds == 0
  :: else -> unlock(); goto end
  fi;

  beginStop(m, epoch);
  do
  :: m < MEMBERS ->
#ifndef WITHOUT_RECHECK
     if
     :: word != running(epoch) -> break
     :: else
     fi;
#endif
     if
     :: member[m] -> stop(m, who, epoch)
     :: member[m] -> isRefused = true; break  /* EPERM: any member may refuse */
     :: !member[m]
     fi;
     m++
  :: else -> break
  od;

  atomic {
    if
    :: !isRefused && word == running(epoch) ->
       word = frozen(epoch);
       assert(allStopped);                    /* G2 */
       assert(holding == 0);                  /* a hold keeps every freeze away */
       m = 0;
       locked = false;
       goto end
    :: else
    fi
  }
#ifndef WITHOUT_ROLLBACK
  continueMarked(m);
#endif
  unlock();
  /* False, or an error: G3 and G4. */
  assert(stoppedBy[0] != who && stoppedBy[1] != who);

end:
  skip
}

/* A confirmation: one signal, and then others have the lock; it may be dropped after any of them. */
proctype Confirmer(byte who) {
  byte epoch, m;
  bool isRefused;

  epoch = word / 2;
  if
  :: word == CLOSED -> goto end
  :: else
  fi;

  do
  :: lock();
     if
     :: word == running(epoch) && holds == 0
     :: else -> unlock(); break
     fi;
     beginStop(m, epoch);
     do
     :: m < MEMBERS && !member[m] -> m++
     :: else -> break
     od;
     if
     :: m < MEMBERS -> stop(m, who, epoch); m++
     :: m < MEMBERS -> isRefused = true
     :: m == MEMBERS
     fi;
     if
     :: !isRefused && m < MEMBERS && word == running(epoch) ->
        inProgress = epoch;
        next = m;
        m = 0;
        unlock()
     :: else ->
        atomic {
          if
          :: !isRefused && word == running(epoch) ->
             word = frozen(epoch);
             assert(allStopped);               /* G2 */
             assert(holding == 0);
             m = 0;
             locked = false;
             goto end
          :: else
          fi
        }
        continueMarked(m);
        unlock();
        break
     fi
  :: break                                     /* aborted, or its thread has ended */
  od;
#ifndef WITHOUT_UNDOING
  lock();
  if
  :: inProgress == epoch -> continueMarked(m); inProgress = NONE; next = 0
  :: else
  fi;
  unlock();
#endif

end:
  skip
}

/* The thaw of `unfreeze` and of `hold`; `mine` is the epoch it moved to, or NONE if the state was closed. */
inline thaw(m, mine) {
#ifdef LATE_WORD
  lock();
#endif
  d_step {
    if
    :: word == CLOSED -> mine = NONE
    :: else -> word = thawed(word); mine = word / 2
    fi
  }
  if
  :: mine != NONE ->
#ifndef LATE_WORD
     lock();
#endif
#ifndef WITHOUT_EVEN_RULE
     if
     :: !isFrozen(word) -> continueMarked(m); inProgress = NONE; next = 0
     :: else                                  /* a newer freeze owns the stops */
     fi;
#else
     continueMarked(m);
#endif
     unlock()
  :: else ->
#ifdef LATE_WORD
     unlock()
#else
     skip
#endif
  fi
}

/* G1: at the return no older freeze holds anything. */
inline checkThawed(mine) {
  d_step {
    if
    :: mine != NONE ->
       assert(!stopped[0] || stoppedAt[0] >= mine);
       assert(!stopped[1] || stoppedAt[1] >= mine);
       if
       :: mine > lastThawed -> lastThawed = mine
       :: else
       fi
    :: else
    fi
  }
}

proctype Thawer() {
  byte mine, m;
  thaw(m, mine);
  checkThawed(mine)
}

/* `forceUnfreeze`: continues every member, and what a newer freeze has stopped too. */
proctype Forcer() {
  byte mine, m;
  d_step {
    if
    :: word == CLOSED -> mine = NONE
    :: else -> word = thawed(word); mine = word / 2
    fi
  }
  if
  :: mine != NONE ->
     lock();
     /* A thaw may come between this load and the next step; a freeze cannot, since it does not have the lock. */
     if
     :: isFrozen(word) ->
        d_step {
          if
          :: word == CLOSED
          :: else -> word = thawed(word); mine = word / 2
          fi
        }
     :: else
     fi;
     m = 0;
     do
     :: m < MEMBERS ->
        if
        :: member[m] -> continue_(m)
        :: else
        fi;
        m++
     :: else -> break
     od;
     m = 0;
     inProgress = NONE;
     next = 0;
     unlock()
  :: else
  fi;
  checkThawed(mine)
}

proctype Holder() {
  byte mine, m;
#ifndef HOLD_AFTER_THAW
  holds++;
#endif
  thaw(m, mine);
#ifdef HOLD_AFTER_THAW
  holds++;
#endif
  atomic {
    checkThawed(mine);
    holding++;
    assert(!isFrozen(word))                   /* while it is held the state is running */
  }
  atomic {
    assert(!isFrozen(word));
    holding--;
    holds--
  }
}

/* Adds the second member, to a state that may be frozen, and takes it away again. */
proctype Registrar() {
  byte seen;
  lock();
  next = 0;                                    /* the steps of a stop begin anew: the set changes */
#ifdef FORGOTTEN_STOPS
  inProgress = NONE;
#endif
  seen = word;                                 /* one load; a thaw may move the word from here on */
  if
  :: seen == CLOSED
  :: seen != CLOSED && isFrozen(seen) ->
     /* A thaw that comes in between waits for the lock and finds the mark. */
#ifdef UNLOCKED_NEWCOMER
     unlock();
#endif
     stop(1, NONE, seen / 2);
#ifdef UNLOCKED_NEWCOMER
     lock();
#endif
     member[1] = true
  :: seen != CLOSED && !isFrozen(seen) -> member[1] = true
  fi;
  unlock();

  /* Its removal: the signal first, and then it is no member any more. Between the two the word may read frozen while the
     process runs, and a thread that asks for the members waits for the lock; so the watcher passes over it. */
  lock();
  next = 0;
  if
  :: member[1] && marked[1] -> isLeaving = true; continue_(1)
  :: else
  fi;
  member[1] = false;
  isLeaving = false;
  unlock()
}

proctype Closer() {
  byte m;
  word = CLOSED;
  lock();
  continueMarked(m);
  d_step { member[0] = false; member[1] = false; inProgress = NONE; next = 0 };
  unlock();
  d_step { assert(noneStopped); closeReturned = true }
}

/* G5 in every state that can be reached. */
active proctype Watcher() {
endNeverSeen:                                  /* to wait here for ever is as it should be */
  atomic { isFrozen(word) && !allStopped -> assert(false) }
}

init {
  byte i;
  atomic {
    member[0] = true;
    i = 0;
    do
    :: i < FREEZERS -> run Freezer(i); i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < CONFIRMERS -> run Confirmer(FREEZERS + i); i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < THAWERS -> run Thawer(); i++
    :: else -> break
    od;
    i = 0;
#ifdef HOLDER
    run Holder();
#endif
#ifdef FORCER
    run Forcer();
#endif
#ifdef REGISTRAR
    run Registrar();
#endif
#ifdef CLOSER
    run Closer();
#endif
  }
  /* When all have ended, word and processes agree. The watcher, which never ends, is the other process left. */
  atomic {
    _nr_pr == 2;
    assert(!locked);
    assert(isFrozen(word) || noneStopped);
    assert(!isFrozen(word) || allStopped)
  }
}
