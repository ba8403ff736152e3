import { createHash } from 'node:crypto'
import picomatch from 'picomatch'
import type { Video } from '../../domain.js'
import { StanflowError } from '../../errors.js'
import { hasVideoExtension } from '../files/discover/extensions.js'
import type { BadInput } from '../files/discover/inspect.js'
import type { ObjectFacts, S3 } from './client.js'
import { folderKey, isS3, parseS3, type S3Place, s3Uri } from './uri.js'

export interface DiscoverS3Options {
  /** Sources are named relative to this `s3://bucket/prefix`; without it, and outside it, by their whole URIs. */
  readonly root?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Finds videos in a bucket, page by page of its listing: an object's URI, a prefix (a "folder", searched through), or a
 * glob such as `s3://bucket/cameras/*\/2026-11-*.mp4`. As in folders, hidden names are passed over and only names that
 * end like a video's are taken, unless a URI or glob names them wholly.
 * @throws StanflowError S3_*: a listing that breaks off must not look like a whole one
 */
export async function* discoverS3(
  s3: Pick<S3, 'list'>,
  uri: string,
  options: DiscoverS3Options = {},
): AsyncGenerator<Video | BadInput> {
  const name = namer(options.root)
  let found = 0
  for await (const [place, object] of objectsOf(s3, parseS3(uri), options.signal)) {
    if (options.signal?.aborted) return
    found += 1
    yield describe(place, object, name)
  }
  if (found > 0 || options.signal?.aborted) return
  const error = new StanflowError('INPUT_NONE', `No video was found by ${uri}.`, {
    hint: 'A prefix is searched like a folder: s3://bucket/cam finds s3://bucket/cam/…, not s3://bucket/camera/….',
  })
  yield { source: uri, path: uri, error }
}

type Found = readonly [S3Place, ObjectFacts]

async function* objectsOf(
  s3: Pick<S3, 'list'>,
  place: S3Place,
  signal: AbortSignal | undefined,
): AsyncGenerator<Found> {
  const { bucket, key } = place
  // A key that is there is that object, even when it looks like a glob or a folder.
  if (key !== '' && !key.endsWith('/')) {
    for await (const first of s3.list(place, 1, signal)) {
      if (first.key === key) {
        yield [place, first]
        return
      }
    }
  }
  if (picomatch.scan(key).glob === '') {
    const folder = folderKey(key)
    for await (const object of s3.list({ bucket, key: folder }, undefined, signal)) {
      if (isVideo(object.key, folder)) yield [{ bucket, key: object.key }, object]
    }
    return
  }
  const matches = picomatch(key)
  const anyName = key.endsWith('*')
  for await (const object of s3.list({ bucket, key: plainPart(key) }, undefined, signal)) {
    const isWanted = matches(object.key) && (!anyName || hasVideoExtension(object.key))
    if (isWanted && !object.key.endsWith('/')) yield [{ bucket, key: object.key }, object]
  }
}

/** What every key begins with that a glob may match: all before its first special character. */
function plainPart(glob: string): string {
  return /^[^*?[\]{}()!+@\\]*/.exec(glob)?.[0] ?? ''
}

function isVideo(key: string, folder: string): boolean {
  return (
    hasVideoExtension(key) &&
    !key
      .slice(folder.length)
      .split('/')
      .some((name) => name.startsWith('.'))
  )
}

function describe(
  place: S3Place,
  { bytes, etag, modifiedMs }: ObjectFacts,
  name: (place: S3Place) => string,
) {
  const [source, path] = [name(place), s3Uri(place)]
  if (bytes === 0) return { source, path, error: new StanflowError('INPUT_EMPTY', `${path} is empty.`) }
  const fingerprint = createHash('sha256').update(`${bytes} ${etag}`).digest('hex')
  return { source, path, bytes, modifiedMs, fingerprint, etag }
}

function namer(root: string | undefined): (place: S3Place) => string {
  if (root === undefined || !isS3(root)) return s3Uri
  const { bucket, key } = parseS3(root)
  const folder = folderKey(key)
  return (place) =>
    place.bucket === bucket && place.key.startsWith(folder) ? place.key.slice(folder.length) : s3Uri(place)
}
