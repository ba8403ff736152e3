import { type Command, Option } from 'commander'
import { SPLITS, type Split } from '../scenes/scene.js'
import { TASKS, type Task } from '../scenes/sets.js'
import { wholeNumber } from './flags.js'
import { plural, printable } from './format.js'
import { bar } from './progress-lines.js'
import { CountRate } from './rates.js'
import { stoppable } from './stoppable.js'

const EXAMPLES = `
Examples:
  stanflow scenes --to scenes --count 100
  stanflow scenes --to test-motion --task motion --split test --count 256
  stanflow evaluate test-motion/captions.jsonl --model default

The same command writes the same scenes everywhere; videos that are there are kept, and a larger --count adds to them.
A folder is of one set: other settings need another one. captions.jsonl has a line a video, scenes.json the settings.
The test split has backgrounds, and a third of its scenes a combination of object and motion, that training never shows.
`

interface Flags {
  readonly to: string
  readonly task: Task
  readonly split: Split
  readonly count: number
  readonly seed: number
  readonly side: number
  readonly json?: boolean
}

export function addScenesCommand(program: Command): void {
  program
    .command('scenes')
    .description('write motion scenes: short videos with captions, to train and test models on')
    .addOption(new Option('--to <folder>', 'where videos and captions.jsonl go').makeOptionMandatory())
    .addOption(new Option('--task <task>', 'what the scenes test').choices(TASKS).default('motion'))
    .addOption(new Option('--split <split>', 'which part of the data').choices(SPLITS).default('test'))
    .addOption(new Option('--count <n>', 'scenes to write').argParser(wholeNumber(1, 100_000)).default(32))
    .addOption(
      new Option('--seed <n>', 'another seed, other scenes').argParser(wholeNumber(0, 2 ** 31)).default(1),
    )
    .addOption(new Option('--side <n>', 'pixels along a side').argParser(wholeNumber(32, 1024)).default(240))
    .addOption(new Option('--json', 'one JSON document on stdout'))
    .addHelpText('after', EXAMPLES)
    .action((flags: Flags) => run(flags))
}

async function run({ json = false, ...options }: Flags): Promise<void> {
  const { writeScenes } = await import('../../pipelines/scenes.js')
  const rate = new CountRate('scenes')
  await stoppable({ json, to: options.to }, async ({ line, signal }) => {
    const summary = await writeScenes(
      { ...options, side: options.side + (options.side % 2) },
      {
        signal,
        onProgress: (done, of) =>
          line.show(`${bar(done / of, 20)} ${done} of ${plural(of, 'scene')}  ${rate.tell(done, of)}`),
      },
    )
    const { videos, kept, captions } = summary
    const told = json
      ? JSON.stringify(summary)
      : `${plural(videos, 'scene')} (${kept} there before), captions in ${printable(captions)}`
    return { told, finished: true }
  })
}
