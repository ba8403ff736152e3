import type { Command } from 'commander'
import type { Verification, VerifiedWay } from '../../../pipelines/verify-model.js'
import { formatCount, formatRate, plural, printable, table } from '../format.js'
import { drainOnSignals, endStopped } from '../signals.js'
import { whole } from './whole.js'

const EXAMPLES = `
Examples:
  stanflow models verify openai/clip-vit-base-patch32
  stanflow models verify models/stan-b32 videos/ --clips 32
  stanflow models verify models/stan-b32 videos/ --calibration ranges.json --json

Loads the model with every engine, device and precision that works here, runs it on one clip of each video (drawn clips without any),
and shows how far the embeddings are from fp32 in onnxruntime: the least and the median cosine.
Exit status 1 where a way fails or drifts further than its precision should.
`

interface Flags {
  readonly branch?: string
  readonly structure: string
  readonly frames: number
  readonly clips: number
  readonly calibration?: string
  readonly json?: boolean
}

export function addVerifyCommand(models: Command): void {
  models
    .command('verify')
    .description('run a model every way this machine can, and show its drift from fp32')
    .argument('<model>', 'a model folder, owner/name of a pulled one, or default')
    .argument('[videos...]', 'files, folders, globs, lists, or s3:// URIs')
    .option('--branch <file>', 'weights of the temporal structure (default: those in the folder)')
    .option('--structure <name>', 'how frames become one embedding', 'auto')
    .option('--frames <n>', 'frames in a clip', whole(1, 64), 12)
    .option('--clips <n>', 'clips at most', whole(1, 10_000), 16)
    .option('--calibration <file>', 'activation ranges: int8 is measured with them too')
    .option('--json', 'print the outcome as JSON')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', EXAMPLES)
    .action(run)
}

async function run(model: string, inputs: readonly string[], flags: Flags): Promise<void> {
  const { json = false, ...options } = flags
  const { verifyModel } = await import('../../../pipelines/verify-model.js')
  const note = (step: string): void => {
    process.stderr.write(json ? `${JSON.stringify({ event: 'note', note: step })}\n` : `${printable(step)}\n`)
  }
  const drain = drainOnSignals(() => note('stopping'))
  try {
    const verification = await verifyModel(
      { model, inputs, ...options },
      { onStep: note, signal: drain.signal },
    )
    process.stdout.write(`${json ? JSON.stringify(verification) : await text(verification)}\n`)
    if (verification.ways.some(({ outcome }) => outcome === 'drifts' || outcome === 'failed'))
      process.exitCode = 1
  } catch (error) {
    endStopped(error, drain.signal)
  } finally {
    drain.release()
  }
}

async function text(verification: Verification): Promise<string> {
  const { EXPECTED } = await import('../../../pipelines/verify-model.js')
  const { name, structure, parameters, digest, on, clips, frames, ways, random } = verification
  const rows = ways.map((way) => row(way))
  const poor = ways.filter(({ outcome }) => outcome !== 'ok')
  return [
    `${printable(name)}: CLIP with ${structure}, ${formatCount(parameters)} parameters, digest ${digest.slice(0, 12)}`,
    `${plural(clips, 'clip')} of ${plural(frames, 'frame')}, ${on}; cosines to fp32 in onnxruntime`,
    '',
    ...table([['engine', 'device', 'precision', 'least', 'median', 'clips/s', ''], ...rows], [3, 4, 5]),
    ...(poor.length === 0 ? [] : ['']),
    ...poor.map(({ engine, device, precision, error }) =>
      error === undefined
        ? `${engine} on ${device}: ${precision} should have a median of ${EXPECTED[precision]} at least`
        : `${engine} on ${device}, ${precision}: ${error.code} ${printable(error.message)}`,
    ),
    ...(random ? ['note: the weights are random; trained ones drift otherwise'] : []),
  ].join('\n')
}

function row({
  engine,
  device,
  precision,
  calibrated,
  drift,
  speed,
  outcome,
}: VerifiedWay): readonly string[] {
  return [
    engine,
    device,
    calibrated ? `${precision} calibrated` : precision,
    drift?.min.toFixed(6) ?? '',
    drift?.median.toFixed(6) ?? '',
    speed === undefined ? '' : formatRate(speed),
    outcome,
  ]
}
