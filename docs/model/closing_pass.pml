/* The closing pass over a tree of processes (native/core/modes/tree_pass.h): once it has ended without meeting anybody who
   was not known, nobody below the root runs who is not known. Checked by scripts/model.sh.

   Processes 0 to 2 are known and stopped: 0 is the root, 1 its child, 2 the child of 1. The others are free numbers, of
   which one is the child of a known one when the pass begins: its parent forked it after it had been listed. It runs, and nobody
   knows it. Those that run fork, also with CLONE_PARENT, and exit at any moment; one that exits is reaped at once, and
   leaves its children to a subreaper above it, or to init. One of the known may be killed by a foreign process.

   ROOTS_FIRST: asks the other way round. DEATHS_IGNORED: takes the pass for a proof although one known has died in it.
   One list is read child by child, as the kernel does: where a child that was read has gone meanwhile, the next one is
   found by its place in the list, and so one may be passed over. */

#define N 7          /* processes */
#define KNOWN 3
#define NOBODY 255   /* init, and whatever is outside of the tree */

bool lives[N];
bool isSubreaper[KNOWN];
byte parent[N];
byte born[N];        /* the order in which they came to their parent: the list of its children */
byte clock;
bool hasMetNew, hasDied, isDone;
byte forks;

/* A process outside of the known ones comes to a parent, at the end of its list. */
inline come(newcomer, to) { parent[newcomer] = to; born[newcomer] = clock; clock++ }

/* Whoever lives is given the children of one that exits. */
inline exit(dead) {
  lives[dead] = false;
  up = parent[dead];
  do
  :: up != NOBODY && up < KNOWN && lives[up] && isSubreaper[up] -> break
  :: up == NOBODY -> break
  :: else -> up = parent[up]
  od;
  for (one : 0 .. N - 1) {
    if
    :: lives[one] && parent[one] == dead -> come(one, up)
    :: else
    fi
  }
  one = 0; up = 0
}

/* What runs, one step at a time. */
active proctype runners() {
  byte who, child, up, one;
end:
  do
  :: isDone -> break
  :: atomic {
       !isDone;
       select(who : KNOWN .. N - 1);
       if
       :: lives[who] && parent[who] != NOBODY ->
          if
          :: forks < MAX_FORKS ->
             child = KNOWN;
             do
             :: child < N && lives[child] -> child++
             :: else -> break
             od;
             if
             :: child < N ->
                forks++;
                lives[child] = true;
                if
                :: come(child, who)
                :: come(child, parent[who])   /* CLONE_PARENT */
                fi
             :: else
             fi
          :: exit(who)
          fi
       :: else
       fi;
       who = 0; child = 0; up = 0; one = 0
     }
#ifdef KILLS
  :: atomic { !isDone && !hasDied && lives[1] -> hasDied = true; exit(1); up = 0; one = 0 }
  :: atomic { !isDone && !hasDied && lives[2] -> hasDied = true; exit(2); up = 0; one = 0 }
#endif
  od
}

/* Reads the children of one, a child a step. A child that was read and has left the list makes the rest be counted from
   its beginning. */
inline ask(asked) {
  place = 0; last = NOBODY;
  do
  :: atomic {
       next = NOBODY; count = 0;
       if
       :: last != NOBODY && lives[last] && parent[last] == asked ->
          for (one : 0 .. N - 1) {
            if
            :: lives[one] && parent[one] == asked && born[one] > born[last] &&
               (next == NOBODY || born[one] < born[next]) -> next = one
            :: else
            fi
          }
       :: else ->
          /* The one before which so many are. */
          for (one : 0 .. N - 1) {
            if
            :: lives[one] && parent[one] == asked ->
               count = 0;
               for (other : 0 .. N - 1) {
                 if
                 :: lives[other] && parent[other] == asked && born[other] < born[one] -> count++
                 :: else
                 fi
               }
               if
               :: count == place -> next = one
               :: else
               fi
            :: else
            fi
          }
       fi;
       last = next; place++;
       hasMetNew = hasMetNew || (next != NOBODY && next >= KNOWN);
       one = 0; other = 0; count = 0
     }
     if
     :: next == NOBODY -> break
     :: else
     fi
  od
}

active proctype pass() {
  byte place, last, next, one, other, count, who;
  atomic {
    for (one : 0 .. KNOWN - 1) { lives[one] = true }
    parent[0] = NOBODY;
    come(1, 0); come(2, 1);
    lives[KNOWN] = true;
    if :: come(KNOWN, 0) :: come(KNOWN, 1) :: come(KNOWN, 2) fi;
    if :: isSubreaper[0] = true :: skip fi;
    if :: isSubreaper[1] = true :: skip fi;
    one = 0
  }
#ifdef ROOTS_FIRST
  ask(0); ask(1); ask(2);
#else
  ask(2); ask(1); ask(0);
#endif
  atomic {
    isDone = true;
#ifdef DEATHS_IGNORED
    hasDied = false;
#endif
    if
    :: hasMetNew || hasDied
    :: else ->
       /* Below the root is who has it as an ancestor; what init has got is gone for good. */
       for (one : KNOWN .. N - 1) {
         if
         :: lives[one] ->
            who = parent[one];
            do
            :: who == NOBODY || who == 0 -> break
            :: else -> who = parent[who]
            od;
            assert(who == NOBODY)
         :: else
         fi
       }
    fi
  }
}
