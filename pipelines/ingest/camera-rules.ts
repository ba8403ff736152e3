import { type CameraParts, MotionGate, RuleBook, type SeenClip } from '../../operators/index.js'
import { compileRule } from '../../src/config/rules.js'
import type { Event } from '../../src/domain.js'
import { Recorder } from '../../src/media/ring/recorder.js'
import { Ring } from '../../src/media/ring/ring.js'
import type { Logger } from '../../src/telemetry/log.js'
import { Evidence, type EvidenceOptions } from './evidence.js'
import type { CameraSettings } from './options.js'
import type { RuleStates } from './rule-states.js'

export interface CameraRulesOptions extends Pick<EvidenceOptions, 'budget'> {
  readonly ffmpeg: string
  readonly states: RuleStates
  /** Where pictures and videos go; absent: none are kept. */
  readonly media: EvidenceOptions['blobs'] | undefined
  readonly log: Logger
  readonly emit: (event: Event) => void
}

const LOOK_MS = 1000
/** Seconds that a clip may take to come to the rules, beyond its own end. */
const DELAY = 10
/** Seconds between two savings of what is going on. */
const SAVE_SECONDS = 10
/** Seconds of stream held beyond those that are asked for. */
const SLACK = 15
const MEGABYTE = 2 ** 20

/** What one camera's clips come to: a gate before the model, rules behind it, pictures and videos of what they find. */
export class CameraRules implements CameraParts {
  readonly isNew?: NonNullable<CameraParts['isNew']>
  readonly onPiece?: NonNullable<CameraParts['onPiece']>
  readonly #camera: CameraSettings
  readonly #options: CameraRulesOptions
  readonly #source: string
  readonly #book: RuleBook
  readonly #gate: MotionGate | undefined
  readonly #evidence: Evidence | undefined
  readonly #looking: NodeJS.Timeout
  /** Events on their way out, one after the other. */
  #outgoing: Promise<void> = Promise.resolve()
  #saved = 0

  constructor(camera: CameraSettings, options: CameraRulesOptions) {
    this.#camera = camera
    this.#options = options
    this.#source = `camera:${camera.id}`
    this.#book = new RuleBook([])
    const known = options.states.get(this.#source)
    if (known !== undefined) this.#book.restore(this.#source, known)
    this.#tell(this.#book.replace(camera.rules.map(compileRule)), Date.now() / 1000)
    if (camera.gate !== undefined) {
      const gate = new MotionGate(camera.gate)
      this.#gate = gate
      this.isNew = (frame) => gate.isNew(frame)
    }
    const ring = this.#ring()
    if (ring !== undefined) this.onPiece = (piece) => ring.add(piece)
    this.#evidence = ring && this.#evidenceOf(ring)
    this.#looking = setInterval(() => this.#look(), LOOK_MS)
  }

  onClip(clip: SeenClip): void {
    const events = this.#book.add(clip)
    for (const { episodeId, peakAt } of this.#book.going(this.#source))
      this.#evidence?.peak(episodeId, peakAt)
    this.#tell(events, clip.end)
    const isGoing = this.#book.going(this.#source).length > 0
    const isDue = isGoing && performance.now() / 1000 - this.#saved > SAVE_SECONDS
    if (events.length > 0 || isDue) this.#save()
  }

  async close(isRemoved: boolean): Promise<void> {
    clearInterval(this.#looking)
    // Nobody will look after it any more.
    if (isRemoved) this.#finish()
    await this.#evidence?.close()
    this.#save()
    const facts = this.#gate?.facts
    if (facts !== undefined && facts.frames > 0) {
      const share = Number((facts.gated / facts.frames).toFixed(3))
      this.#options.log.info({ camera: this.#camera.id, ...facts, share }, 'motion gate')
    }
    await this.#outgoing
  }

  async settle(): Promise<void> {
    const { address, loop } = this.#camera
    // A file is over when it is over; a camera goes on, whatever happens to this process.
    if (address.kind === 'file' && !loop) {
      this.#finish()
    } else this.#save()
    await this.#outgoing
    await this.#options.states.settled()
  }

  /** What goes on is closed, and nothing is kept. */
  #finish(): void {
    this.#tell(this.#book.finish(this.#source), 0)
    this.#options.states.put(this.#source, {})
  }

  /** `end`: of the clip that led to them. */
  #tell(events: readonly Event[], end: number): void {
    for (const event of events) {
      if (event.kind === 'rule-opened') this.#evidence?.begin(event, end)
      const { rule, label, start, peak } = event
      this.#options.log.info(
        { camera: this.#camera.id, rule, label, start, end: event.end, peak },
        event.kind,
      )
      this.#outgoing = this.#outgoing.then(async () => {
        this.#options.emit((await this.#evidence?.complete(event)) ?? event)
      })
    }
  }

  /** A camera that is away closes what it left open, when it has been away for as long as the rule says. */
  #look(): void {
    const now = Date.now() / 1000
    const events = this.#book.late(this.#source, now - DELAY)
    this.#tell(events, now)
    if (events.length > 0) this.#save()
  }

  #save(): void {
    this.#saved = performance.now() / 1000
    const watches = this.#book.save(this.#source)
    if (watches !== undefined) this.#options.states.put(this.#source, watches)
  }

  #ring(): Ring | undefined {
    const { record, rules, windows } = this.#camera
    if (record === undefined || this.#options.media === undefined || rules.length === 0) return undefined
    const clips = Math.max(...rules.map((rule) => rule['open-after']))
    const opening = Math.max(...windows.map(({ length, stride }) => length + clips * stride))
    const seconds = record.before + record.after + opening + SLACK
    return new Ring({ seconds, bytes: record.megabytes * MEGABYTE })
  }

  #evidenceOf(ring: Ring): Evidence | undefined {
    const { record } = this.#camera
    const { media: blobs, log, budget, ffmpeg } = this.#options
    if (record === undefined || blobs === undefined) return undefined
    const { before, after } = record
    return new Evidence({
      recorder: new Recorder({ programs: { ffmpeg }, ring, before, after }),
      blobs,
      log,
      budget,
    })
  }
}
