import { concatMap, pipe, tap } from 'rxjs'
import { classify, type Encoded, encodeVideo, type LiveClip } from '../../operators/index.js'
import { samplingSlug } from '../../src/connect/files/layout.js'
import type { ModelInfo } from '../../src/engine/engine.js'
import type { Metrics } from '../../src/telemetry/metrics.js'
import type { EmbeddedLabels } from '../label-set.js'
import type { ClipStage, StageParts } from './clip-stage.js'
import type { Models } from './models.js'
import type { CameraSettings } from './options.js'
import type { LiveSink, Result } from './sink.js'

export interface InferenceParts extends StageParts {
  readonly models: Models
  readonly info: ModelInfo
  readonly sink: Pick<LiveSink, 'results'>
  readonly metrics: Metrics
}

type Inferred = Result & { readonly clip: LiveClip }

/** The model at work: clips → embeddings → labels → rules and destination. */
export class Inference {
  readonly #parts: InferenceParts
  /** By the source of the camera they are of. */
  readonly #labels = new Map<string, EmbeddedLabels | undefined>()
  /** Clips on their way through the model, by id. */
  readonly #inWork = new Map<string, LiveClip>()

  constructor(parts: InferenceParts) {
    this.#parts = parts
  }

  /** Makes ready for a camera's clips. @throws StanflowError MODEL_*, ENGINE_* */
  async prepare(camera: CameraSettings): Promise<void> {
    const { models } = this.#parts
    await models.prepare(camera)
    this.#labels.set(`camera:${camera.id}`, await models.labels(camera))
  }

  stage(): ClipStage {
    const { info, pool, seen, sink } = this.#parts
    return pipe(
      tap((clips: readonly LiveClip[]) => {
        for (const clip of clips) this.#inWork.set(clip.id, clip)
      }),
      encodeVideo(
        { modelDigest: info.digest, encode: (clips) => this.#encode(clips as readonly LiveClip[]) },
        pool,
      ),
      concatMap(async (encoded) => {
        const results = encoded.map((one) => this.#labelled(one))
        // Rules wait for nobody: where results cannot be delivered just now, events still have their time.
        for (const { clip, embedding, sampling } of results) {
          const { clipId, source, start, end, labels } = embedding
          const series = samplingSlug(sampling)
          seen.settle(source, clip, { clipId, source, start, end, labels, series })
        }
        await sink.results(results)
        for (const { clip } of results) this.#inWork.delete(clip.id)
        return results.map(({ clip }) => clip)
      }),
    )
  }

  async #encode(clips: readonly LiveClip[]): Promise<Float32Array[]> {
    const { load, metrics, models } = this.#parts
    const begun = performance.now()
    const vectors = await load.measure(clips.length, () => models.encode(clips))
    metrics.batch(clips.length, clips[0]?.frames.length ?? 0, performance.now() - begun)
    return vectors
  }

  #labelled({ embedding }: Encoded): Inferred {
    const clip = this.#inWork.get(embedding.clipId) as LiveClip
    const labels = this.#labels.get(embedding.source)
    const best = labels === undefined ? [] : classify(embedding.vector, labels.set)
    const { sampling } = clip
    return { clip, sampling, embedding: { ...embedding, labels: best }, labelSet: labels?.digest }
  }
}
