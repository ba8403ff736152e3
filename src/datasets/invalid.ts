import { StanflowError } from '../errors.js'

/** Annotations that are not what they should be. `why` ends the sentence. */
export function invalid(
  file: string,
  why: string,
  { cause, hint }: { readonly cause?: unknown; readonly hint?: string } = {},
): StanflowError {
  return new StanflowError('CONFIG_INVALID', `The annotations ${file}: ${why}.`, {
    hint: hint ?? 'docs/evaluation.md says what each data set looks like.',
    ...(cause !== undefined && { cause }),
  })
}
