// Looks up what the trials found. What is not there is an error, so that no page quotes a figure that was not measured.
import type { Figure, FoundProfile, FoundTable } from './findings.mjs';
import type { Trial, Trials } from './trials.mjs';

export function trialOf({ trials }: Trials, name: string): Trial {
  const found = trials.find((trial) => trial.name === name);
  if (found === undefined) throw new Error(`A page quotes the trial ${name}, which has no results here.`);
  return found;
}

/** The table of the trial whose title begins so; the first one by default. */
export function tableOf(found: Trials, trial: string, title = ''): FoundTable {
  const table = trialOf(found, trial).tables.find((one) => one.title.startsWith(title));
  if (table === undefined)
    throw new Error(`A page quotes the table "${title}" of the trial ${trial}, which it has not.`);
  return table;
}

export function figureIn({ title, rows }: FoundTable, name: string, figure?: string): Figure {
  const figures = rows.find((row) => row.name === name)?.figures ?? {};
  const found = figure === undefined ? Object.values(figures)[0] : figures[figure];
  if (found === undefined)
    throw new Error(`A page quotes ${figure ?? 'a figure'} of "${name}", which "${title}" has not.`);
  return found;
}

/** What the goal is about begins so. */
export function goalValue(found: Trials, trial: string, what: string): number {
  const goal = trialOf(found, trial).goals.find((one) => one.what.startsWith(what));
  if (goal === undefined) throw new Error(`A page quotes the goal "${what}" of the trial ${trial}, which it has not.`);
  return goal.value;
}

/** Microseconds by kind. */
export type Spent = FoundProfile['rows'][0]['spent'];

/** The microseconds of each kind that the contestant spent, by the profile whose title begins so. */
export function spentIn(found: Trials, trial: string, title: string, name: string): Spent {
  const profile = trialOf(found, trial).profiles.find((one) => one.title.startsWith(title));
  const row = profile?.rows.find((one) => one.name === name);
  if (row === undefined)
    throw new Error(`A page quotes where "${name}" of the trial ${trial} spent its time, which "${title}" has not.`);
  return row.spent;
}
