import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { open, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import type { Response } from 'undici'
import { StanflowError } from '../../errors.js'
import { get, type HubClient, Transient, withRetries } from './http.js'
import type { HubFile } from './listing.js'

/** Bytes that are there, of this file. */
export type OnBytes = (bytes: number) => void

/**
 * Brings one file to `target`: goes on where an earlier try stopped, and gives it its name only when its checksum is right.
 * What is there unfinished is `target.part`, beside it the server's tag for what it is a part of.
 * @returns the file's sha256
 * @throws StanflowError HUB_*; what the file system throws; the signal's reason, with the part kept
 */
export async function download(
  client: HubClient,
  url: URL,
  file: HubFile,
  target: string,
  onBytes: OnBytes,
): Promise<string> {
  const part = `${target}.part`
  if (sizeOf(target) === file.bytes) {
    const sums = await checksums(target, file.bytes, client.signal)
    if (isRight(file, sums)) {
      onBytes(file.bytes)
      return sums.sha256
    }
  }
  // A part may be of another time's file: then one more try is made, from the beginning.
  for (let resumed = sizeOf(part) > 0; ; resumed = false) {
    let most = 0
    await withRetries(client, file.name, (progressed) =>
      fetchRest(client, url, file, part, (bytes) => {
        // A server that always starts over and is always cut gets nowhere.
        if (bytes > most) progressed()
        most = Math.max(most, bytes)
        onBytes(bytes)
      }),
    )
    const sums = await checksums(part, file.bytes, client.signal)
    if (isRight(file, sums)) {
      await rename(part, target)
      await rm(tagFile(part), { force: true })
      return sums.sha256
    }
    await discard(part)
    if (!resumed) {
      throw new StanflowError(
        'HUB_CHECKSUM',
        `${file.name} from ${url.host} is not what the hub lists: its checksum is wrong`,
      )
    }
  }
}

async function fetchRest(
  client: HubClient,
  url: URL,
  file: HubFile,
  part: string,
  onBytes: OnBytes,
): Promise<void> {
  if (sizeOf(part) > file.bytes) await discard(part)
  const have = sizeOf(part)
  if (have === file.bytes && have > 0) return
  const tag = await readFile(tagFile(part), 'utf8').catch(() => '')
  const asked: Record<string, string> =
    have === 0 ? {} : { range: `bytes=${have}-`, ...(isStrong(tag) && { 'if-range': tag }) }
  const { response, first } = await get(client, url, asked)
  const linked = first.get('x-linked-etag')?.replaceAll('"', '')
  if (linked !== undefined && file.checksum.kind === 'sha256' && linked !== file.checksum.hex) {
    await response.body?.cancel()
    throw new StanflowError('HUB_CHECKSUM', `${file.name} on ${url.host} is not the file that the hub lists`)
  }
  const newTag = response.headers.get('etag') ?? ''
  if (response.status === 416 && endsAt(response) !== file.bytes) {
    await response.body?.cancel()
    await discard(part)
    throw new StanflowError(
      'HUB_CHECKSUM',
      `${file.name} on ${url.host} ends after ${have} of the ${file.bytes} bytes that the hub lists`,
    )
  }
  if (response.status === 416 || (response.status === 206 && !fits(response, have, file.bytes, tag))) {
    await response.body?.cancel()
    await discard(part)
    throw new Transient(`${url.host} has another file now`, { after: 0 })
  }
  if (response.status === 200 && have > 0) await truncate(part, 0)
  await writeFile(tagFile(part), newTag)
  await append(client, response, file, part, onBytes)
}

/** Whether a partial answer goes on exactly where the part ends, in the same file. */
function fits({ headers }: Response, have: number, bytes: number, tag: string): boolean {
  const [, from, , total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? []
  const newTag = headers.get('etag')
  const sameTag = tag === '' || newTag === null || newTag === tag
  return Number(from) === have && (total === '*' || Number(total) === bytes) && sameTag
}

/** What an answer to an impossible range says of the file's length. */
const endsAt = ({ headers }: Response): number =>
  Number(/^bytes \*\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1])

async function append(
  client: HubClient,
  response: Response,
  file: HubFile,
  part: string,
  onBytes: OnBytes,
): Promise<void> {
  let have = sizeOf(part)
  const handle = await open(part, 'a')
  try {
    for await (const chunk of watched(response, client)) {
      have += chunk.length
      if (have > file.bytes) {
        throw new StanflowError(
          'HUB_CHECKSUM',
          `${file.name} is longer than the ${file.bytes} bytes that the hub lists`,
        )
      }
      await handle.writeFile(chunk)
      onBytes(have)
    }
    await handle.sync()
  } catch (error) {
    await handle.close()
    if (error instanceof StanflowError) await discard(part)
    throw error
  }
  await handle.close()
  if (have < file.bytes) throw new Transient(`the connection was cut after ${have} of ${file.bytes} bytes`)
}

/** The body's chunks; one that does not come in time is a cut connection. */
async function* watched({ body }: Response, { signal, idle }: HubClient): AsyncGenerator<Uint8Array> {
  if (body === null) return
  const reader = body.getReader()
  const abort = (): void => void reader.cancel(signal.reason).catch(() => undefined)
  signal.addEventListener('abort', abort, { once: true })
  try {
    while (true) {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Transient('the connection brings nothing')), idle)
      })
      const { done, value } = await Promise.race([reader.read(), late]).finally(() => clearTimeout(timer))
      signal.throwIfAborted()
      if (done) return
      yield value as Uint8Array
    }
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof Transient ? error : new Transient('the connection was cut', { cause: error })
  } finally {
    signal.removeEventListener('abort', abort)
    await reader.cancel().catch(() => undefined)
  }
}

interface Sums {
  readonly sha256: string
  readonly git: string
}

/** Both ways that a hub counts, in one reading. Git's is of a header and the content. */
async function checksums(path: string, bytes: number, signal: AbortSignal): Promise<Sums> {
  const sha256 = createHash('sha256')
  const git = createHash('sha1').update(`blob ${bytes}\0`)
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    signal.throwIfAborted()
    sha256.update(chunk as Buffer)
    git.update(chunk as Buffer)
  }
  return { sha256: sha256.digest('hex'), git: git.digest('hex') }
}

const isRight = ({ checksum: { kind, hex } }: HubFile, sums: Sums): boolean => sums[kind] === hex

const tagFile = (part: string): string => `${part}.etag`
/** Weak tags promise no equal bytes. */
const isStrong = (tag: string): boolean => tag.startsWith('"')

async function discard(part: string): Promise<void> {
  await rm(part, { force: true })
  await rm(tagFile(part), { force: true })
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
