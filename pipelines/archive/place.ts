import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeNew } from '../../src/connect/files/atomic.js'
import type { S3 } from '../../src/connect/s3/client.js'
import { folderKey, isS3, parseS3, s3Uri } from '../../src/connect/s3/uri.js'

/** Where an archive lies. Objects are written once, whole or not at all, and never changed. */
export interface ArchivePlace {
  readonly name: string
  /** Answers whether it was written; what is there already stays as it is. */
  put(key: string, bytes: Uint8Array): Promise<boolean>
  get(key: string): Promise<Uint8Array | undefined>
}

/** A folder, or `s3://bucket/prefix`. */
export function archivePlace(to: string, s3: () => S3): ArchivePlace {
  return isS3(to) ? bucketPlace(to, s3()) : folderPlace(to)
}

function folderPlace(dir: string): ArchivePlace {
  return {
    name: dir,
    put: (key, bytes) => writeNew(join(dir, key), bytes),
    get: (key) => readFile(join(dir, key)).catch(() => undefined),
  }
}

function bucketPlace(uri: string, s3: S3): ArchivePlace {
  const { bucket, key: prefix } = parseS3(uri)
  const at = (key: string) => ({ bucket, key: `${folderKey(prefix)}${key}` })
  return {
    name: s3Uri({ bucket, key: prefix }),
    put: async (key, bytes) => (await s3.put(at(key), bytes, { ifNoneMatch: '*' })) !== undefined,
    get: async (key) => (await s3.get(at(key)))?.body,
  }
}
