import { resolve } from 'node:path'
import type { S3Settings } from '../../src/connect/s3/client.js'
import { isS3, parseS3, s3Uri } from '../../src/connect/s3/uri.js'
import type { IndexPlace } from '../../src/search/moment-index.js'

/** Where an index lies, as LanceDB is told. Its credentials come from the same chain as ours: environment, profile, role. */
export function indexPlace(location: string, settings: S3Settings = {}): IndexPlace {
  if (!isS3(location)) return { location: resolve(location) }
  const { env } = process
  const endpoint = settings.endpoint ?? env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL
  const isForeign = endpoint !== undefined && !/\.amazonaws\.com(\.cn)?(:\d+)?\/?$/.test(endpoint)
  const region =
    settings.region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? (isForeign ? 'us-east-1' : undefined)
  const { credentials, timeoutSeconds = 30 } = settings
  const pathStyle = settings.pathStyle ?? isForeign
  return {
    location: s3Uri(parseS3(location)),
    storage: {
      ...(endpoint !== undefined && { endpoint }),
      ...(endpoint?.startsWith('http://') && { allow_http: 'true' }),
      ...(region !== undefined && { region }),
      ...(credentials !== undefined && {
        aws_access_key_id: credentials.accessKeyId,
        aws_secret_access_key: credentials.secretAccessKey,
      }),
      virtual_hosted_style_request: String(!pathStyle),
      timeout: `${timeoutSeconds}s`,
    },
  }
}
