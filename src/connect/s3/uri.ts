import { StanflowError } from '../../errors.js'

/** A place in S3: a bucket, and a key or prefix in it. */
export interface S3Place {
  readonly bucket: string
  /** Without a leading slash; may be empty. */
  readonly key: string
}

const SCHEME = 's3://'

export function isS3(text: string): boolean {
  return text.slice(0, SCHEME.length).toLowerCase() === SCHEME
}

export function s3Uri({ bucket, key }: S3Place): string {
  return `${SCHEME}${bucket}/${key}`
}

/** @throws StanflowError USAGE_INVALID where no bucket is named */
export function parseS3(uri: string): S3Place {
  const rest = uri.slice(SCHEME.length)
  const slash = rest.indexOf('/')
  const [bucket, key] = slash < 0 ? [rest, ''] : [rest.slice(0, slash), rest.slice(slash + 1)]
  if (!isS3(uri) || !/^[a-z0-9][a-z0-9._-]+$/i.test(bucket)) {
    throw new StanflowError('USAGE_INVALID', `${uri} names no bucket.`, {
      hint: 'Write s3://BUCKET/PREFIX, such as s3://archive/cameras/.',
    })
  }
  return { bucket, key }
}

/** A prefix as a folder: empty, or with a slash at its end. */
export function folderKey(key: string): string {
  return key === '' || key.endsWith('/') ? key : `${key}/`
}
