import { asStanflowError, StanflowError } from '../errors.js'
import {
  type Device,
  ENGINE_NAMES,
  type EngineName,
  type EngineReport,
  type LoadedModel,
  type LoadRequest,
  type Precision,
} from './engine.js'
import { loadOn } from './host.js'
import { engineModule } from './open.js'

/** What a user asks for: anything left on `auto` is decided by what this machine has. */
export interface ModelWish extends Omit<LoadRequest, 'engine' | 'device'> {
  readonly engine: 'auto' | EngineName
  readonly device: 'auto' | Device
}

interface Way {
  readonly engine: EngineName
  readonly device: Device
}

/** Every way to compute, the quickest first as measured (docs/engines.md). */
const BY_SPEED: readonly Way[] = [
  { engine: 'onnx', device: 'tensorrt' },
  { engine: 'onnx', device: 'cuda' },
  { engine: 'tfjs', device: 'cuda' },
  { engine: 'openvino', device: 'cpu' },
  { engine: 'onnx', device: 'cpu' },
  { engine: 'tfjs', device: 'cpu' },
]

/** What every engine says of this machine, by name of the engine; one that cannot even be loaded is a row too. */
export async function probeEngines(names: readonly EngineName[] = ENGINE_NAMES): Promise<EngineReport[]> {
  const reports = await Promise.all(names.map(probe))
  return reports.flat()
}

async function probe(engine: EngineName): Promise<readonly EngineReport[]> {
  try {
    return await (await engineModule(engine)).probe()
  } catch (thrown) {
    const { message: detail, hint } = asStanflowError(thrown)
    return [{ engine, device: 'cpu', available: false, detail, hint, precisions: [] }]
  }
}

/** What `auto` would take for this precision, in words. */
export function quickest(reports: readonly EngineReport[], precision: Precision): string | undefined {
  const way = BY_SPEED.find(({ engine, device }) =>
    reports.some(
      (report) =>
        report.engine === engine && report.device === device && unfit(report, { precision }) === undefined,
    ),
  )
  return way && name(way)
}

/**
 * Loads the model where the wish says; what is left open goes to the quickest way that works.
 * `why` says in words what was taken, and what was passed over.
 * @throws StanflowError USAGE_INVALID where nothing here can do what was asked, MODEL_*, ENGINE_*
 */
export async function loadModel(wish: ModelWish): Promise<{ model: LoadedModel; why: string }> {
  const passed: string[] = []
  const probed = new Map<EngineName, readonly EngineReport[]>()
  for (const way of waysFor(wish)) {
    const reports = probed.get(way.engine) ?? (await probe(way.engine))
    probed.set(way.engine, reports)
    const report = reports.find(({ device }) => device === way.device)
    const reason = unfit(report, wish)
    if (reason === undefined) {
      try {
        const model = await loadOn({ ...wish, ...way })
        return { model, why: sentence(wish, model, passed) }
      } catch (thrown) {
        const error = asStanflowError(thrown)
        // A wrong model is wrong everywhere; an engine that fails with it may not be the only one.
        if (!error.code.startsWith('ENGINE_') || isDecided(wish)) throw error
        passed.push(`${name(way)}: ${error.message}`)
      }
    } else {
      passed.push(`${name(way)}: ${reason}`)
    }
  }
  throw nothingFits(wish, passed, [...probed.values()].flat())
}

const isDecided = ({ engine, device }: ModelWish): boolean => engine !== 'auto' && device !== 'auto'

function waysFor({ engine, device }: ModelWish): readonly Way[] {
  const fits = BY_SPEED.filter(
    (way) => (engine === 'auto' || way.engine === engine) && (device === 'auto' || way.device === device),
  )
  // Asked for outright, a combination is tried even where it has no place in the ranking.
  return fits.length === 0 && engine !== 'auto' && device !== 'auto' ? [{ engine, device }] : fits
}

function unfit(
  report: EngineReport | undefined,
  { precision, calibration }: Pick<ModelWish, 'precision' | 'calibration'>,
): string | undefined {
  if (report === undefined) return 'there is no such combination'
  if (!report.available) return report.detail
  if (!report.precisions.includes(precision)) return `no ${precision}, only ${report.precisions.join(', ')}`
  if (calibration === undefined && report.calibrated?.includes(precision) === true)
    return `${precision} with a calibration only`
  return undefined
}

const name = ({ engine, device }: Way): string => `${engine} on ${device}`

function sentence({ engine }: ModelWish, model: LoadedModel, passed: readonly string[]): string {
  if (engine !== 'auto') return `${model.engine}, as asked`
  // Not having a graphics card needs no mention.
  const near = passed.filter((reason) => !/ on (cuda|tensorrt): /.test(reason))
  return near.length === 0 ? model.engine : `${model.engine} (passed over ${near.join('; ')})`
}

function precisionsIn({ precisions, calibrated = [] }: EngineReport): string {
  const named = precisions.map((precision) =>
    calibrated.includes(precision) ? `${precision} (given a --calibration)` : precision,
  )
  return named.join(', ')
}

function nothingFits(
  wish: ModelWish,
  passed: readonly string[],
  reports: readonly EngineReport[],
): StanflowError {
  const { engine, device, precision } = wish
  const works = reports
    .filter(({ available, precisions }) => available && precisions.length > 0)
    .map((report) => `${name(report)} with ${precisionsIn(report)}`)
  const asked = `--engine ${engine} --device ${device} --precision ${precision}`
  const hint = works.length > 0 ? `What works: ${works.join('; ')}.` : reports.find(({ hint: h }) => h)?.hint
  return new StanflowError('ENGINE_UNFIT', `nothing here computes ${asked}: ${passed.join('; ')}`, {
    ...(hint !== undefined && { hint: `${hint} \`stanflow doctor\` shows every engine.` }),
  })
}
