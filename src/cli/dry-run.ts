import type { BackfillHooks, BackfillSummary } from '../../pipelines/backfill.js'
import { plural, printable } from './format.js'

export type Plan = Parameters<NonNullable<BackfillHooks['onPlan']>>[0]

/** What a dry run says of one video. */
export function planLine({ source, clipsStored = 0, error }: Plan): string {
  const name = printable(source)
  if (error !== undefined) return `cannot read  ${name}  ${printable(error.message)} (${error.code})`
  return clipsStored > 0
    ? `would go on  ${name}  after ${plural(clipsStored, 'clip')}`
    : `would do     ${name}`
}

/** A plan that is JSON all through. */
export function planJson({ error, ...plan }: Plan): object {
  if (error === undefined) return plan
  const { code, message, hint } = error
  return { ...plan, error: { code, message, hint } }
}

export function planSummary({ found, skipped }: BackfillSummary): string {
  return `${plural(found, 'video')} found, ${skipped} done before; nothing was decoded or written.`
}
