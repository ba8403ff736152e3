import { runName, type Trial } from '../train/ablation.js'
import type { Resumed, StepAbout } from '../train/run.js'
import { formatCount, formatDuration, percent, plural, printable } from './format.js'
import { bar } from './progress-lines.js'
import { CountRate } from './rates.js'

const BAR_WIDTH = 20

/** What commands say that make clips and train on them, with rates of their own. */
export class TrainLines {
  readonly #clips = new Map<string, CountRate>()
  readonly #steps = new Map<string, CountRate>()

  clips(set: string, done: number, of: number): string {
    const pace = rateOf(this.#clips, set, 'clips').tell(done, of)
    return `${bar(done / of, BAR_WIDTH)} ${set}: ${formatCount(done)} of ${plural(of, 'clip')} made  ${pace}`
  }

  /** `run` begins the line where there are several. */
  step({ stage, step, steps, total, totalSteps, loss }: StepAbout, run = ''): string {
    const pace = rateOf(this.#steps, run, 'steps').tell(total, totalSteps)
    const name = run === '' ? '' : `${printable(run)}: `
    return `${bar(total / totalSteps, BAR_WIDTH)} ${name}${stage} ${step} of ${steps}  loss ${loss.toFixed(3)}  ${pace}`
  }

  /** What a run of an ablation came to on the test split. */
  trial(variant: string, { seed, appearance, motion, order, parameters, seconds }: Trial): string {
    const scores = Object.entries({
      'appearance R@1': appearance,
      'motion top-1': motion,
      'order pairs': order,
    })
    const told = scores.map(([name, share]) => `${name} ${percent(share)}`)
    const cost = `${plural(parameters, 'parameter')}, ${formatDuration(seconds)}`
    return `${printable(runName(variant, seed))}: ${told.join(', ')}  (${cost})`
  }
}

export const resumedLine = ({ stage, step, steps }: Resumed): string =>
  `going on at step ${formatCount(step)} of ${formatCount(steps)} (stage ${printable(stage)})`

export const waitingLine = (why: string): string => `waiting: ${printable(why)}`

function rateOf(rates: Map<string, CountRate>, name: string, unit: string): CountRate {
  const known = rates.get(name) ?? new CountRate(unit)
  rates.set(name, known)
  return known
}
