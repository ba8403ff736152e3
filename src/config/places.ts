import type { S3Settings } from '../connect/s3/client.js'
import type { Config } from './schema.js'
import { sinceMs } from './which.js'

/** How the configuration says S3 is reached. */
export function s3Settings(config: Config): S3Settings {
  const { s3Endpoint: endpoint, s3Region: region, s3PathStyle, s3Timeout: timeoutSeconds } = config
  return {
    timeoutSeconds,
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(s3PathStyle !== 'auto' && { pathStyle: s3PathStyle === 'on' }),
  }
}

/** Which videos the configuration says are this run's; how long ago `since` is counts from now. */
export function selection({ since, shard }: Config, nowMs = Date.now()) {
  const [index, of] = shard?.split('/').map(Number) ?? []
  return {
    ...(since !== undefined && { sinceMs: sinceMs(since, nowMs) }),
    ...(index !== undefined && of !== undefined && { shard: { index, of } }),
  }
}
