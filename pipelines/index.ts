export * from '../operators/index.js'
export type * from '../src/domain.js'
export { asStanflowError, ERROR_CODES, type ErrorCode, StanflowError } from '../src/errors.js'
export {
  type BackfillHooks,
  type BackfillOptions,
  type BackfillProgress,
  type BackfillSummary,
  backfill,
} from './backfill.js'
