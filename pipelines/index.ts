export * from '../operators/index.js'
export type * from '../src/domain.js'
export { asStanflowError, ERROR_CODES, type ErrorCode, StanflowError } from '../src/errors.js'
export { type AlertsHooks, type AlertsOptions, type AlertsSummary, alerts } from './alerts.js'
export { type ArchiveHooks, type ArchiveOptions, type ArchiveSummary, archive } from './archive.js'
export {
  type BackfillHooks,
  type BackfillOptions,
  type BackfillProgress,
  type BackfillSummary,
  backfill,
} from './backfill.js'
export { type ConsumeHooks, type ConsumeOptions, type ConsumeSummary, consume } from './consume.js'
export { type ExportedModel, type ExportHooks, type ExportOptions, exportModel } from './export-model.js'
export {
  deleteMoments,
  type IndexHooks,
  type IndexOptions,
  type IndexSummary,
  indexModels,
  indexMoments,
  type Removal,
  useModel,
} from './index-moments.js'
export {
  type CameraCounts,
  type CameraSettings,
  type Destination,
  type IngestHooks,
  type IngestOptions,
  type IngestSummary,
  ingest,
} from './ingest.js'
export { describeModel, type InfoOptions, type ModelDescription } from './model-info.js'
export {
  type ImportedModel,
  importWeights,
  type ListedModel,
  listModels,
  type PulledModel,
  type PullHooks,
  type PullOptions,
  pull as pullModel,
} from './models.js'
export { type ResultEventsOptions, resultEvents } from './result-events.js'
export { type Retried, type RetryHooks, type RetryOptions, retry } from './retry.js'
export { type RulesHooks, type RulesOptions, type RulesSummary, rules } from './rules.js'
export {
  type FoundMoment,
  type IndexedModel,
  type OpenIndex,
  type OpenIndexOptions,
  openIndex,
  type Query,
  type SearchFilter,
  type TimelineClip,
} from './search.js'
export { type ServeHooks, type ServeOptions, type Serving, serve } from './serve.js'
export { type SubmitHooks, type SubmitOptions, type SubmitSummary, submit } from './submit.js'
export { type TailOptions, type TailRecord, tail } from './tail.js'
export { type CreateTopicsOptions, createTopics, listTopics, type TopicRow } from './topics.js'
export {
  type Verification,
  type VerifiedWay,
  type VerifyHooks,
  type VerifyOptions,
  verifyModel,
} from './verify-model.js'
