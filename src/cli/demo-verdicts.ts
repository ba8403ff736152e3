import type { Sampling } from '../domain.js'
import type { CheckedVideo } from '../report/model.js'

/** A demo video with what it shows and what the model says of it. */
export type Verdict = Pick<CheckedVideo, 'source' | 'expected' | 'label' | 'score' | 'right'>

/** The videos that have a label, in their order; `captions` has what each shows. @throws StanflowError OUTPUT_CORRUPT */
export async function readVerdicts(
  results: string,
  recipe: { readonly modelDigest: string; readonly sampling: Sampling },
  captions: readonly string[],
): Promise<readonly Verdict[]> {
  const { readResults } = await import('../connect/files/results.js')
  const { Folder } = await import('../connect/files/folder-blobs.js')
  const verdicts: Verdict[] = []
  for await (const { source, clips } of readResults(new Folder(results), { recipe })) {
    const best = clips[0]?.labels[0]
    const expected = captions[Number.parseInt(source, 10) - 1]
    if (best === undefined || expected === undefined) continue
    const { label, score } = best
    verdicts.push({ source, expected, label, score, right: label === expected })
  }
  return verdicts.sort((a, b) => a.source.localeCompare(b.source))
}

/** `9 of 10 right`; videos without a label are none of those. */
export function rightOf(verdicts: readonly Verdict[], videos: number): string {
  const missing = videos - verdicts.length
  const right = `${verdicts.filter(({ right }) => right).length} of ${videos} right`
  return missing === 0 ? right : `${right}, ${missing} without a label`
}
