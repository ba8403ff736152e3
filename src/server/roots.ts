import { realpath, stat } from 'node:fs/promises'
import { extname, isAbsolute, resolve, sep } from 'node:path'
import { StanflowError } from '../errors.js'

/** What a page may be given: video, and pictures of it. */
const EXTENSIONS: ReadonlySet<string> = new Set([
  ...['.mp4', '.m4v', '.mov', '.qt', '.mkv', '.webm', '.avi', '.divx', '.wmv', '.asf', '.flv', '.f4v'],
  ...['.ts', '.m2ts', '.mts', '.mpg', '.mpeg', '.m2v', '.vob', '.mxf', '.ogv', '.ogm', '.3gp', '.3g2'],
  ...['.dv', '.gif', '.nut', '.h264', '.264', '.h265', '.265', '.hevc', '.ivf', '.jpg', '.jpeg', '.png'],
])

const isBucket = (place: string): boolean => place.startsWith('s3://')
const isScheme = (place: string): boolean => /^[a-z][a-z0-9+.-]*:/i.test(place)

/**
 * The places that a page may be shown files of. Names come from stored results and from messages, which others write:
 * none of them opens anything that does not lie under a root that the person who started the server named.
 */
export class Roots {
  readonly #folders: readonly string[]
  readonly #buckets: readonly string[]

  private constructor(folders: readonly string[], buckets: readonly string[]) {
    this.#folders = folders
    this.#buckets = buckets
  }

  /** Folders and `s3://bucket/prefix`; a folder that is not there yet counts as well. */
  static async of(places: readonly string[]): Promise<Roots> {
    const folders: string[] = []
    for (const place of places.filter((one) => !isBucket(one))) {
      const named = resolve(place)
      folders.push(named, await realpath(named).catch(() => named))
    }
    const buckets = places.filter(isBucket).map((one) => (one.endsWith('/') ? one : `${one}/`))
    return new Roots([...new Set(folders)], buckets)
  }

  /** Why a name is not opened, as far as the name alone tells; undefined where it may be. */
  refuses(path: string): string | undefined {
    if (!EXTENSIONS.has(extname(path).toLowerCase())) return 'It is no video by its name.'
    if (isBucket(path)) {
      const isClean = !path.split('/').includes('..')
      return isClean && this.#buckets.some((root) => path.startsWith(root)) ? undefined : OUTSIDE
    }
    if (isScheme(path) || path.includes('\0')) return 'Nothing is fetched from there.'
    return this.#holds(this.#absolute(path)) ? undefined : OUTSIDE
  }

  /**
   * The file itself, links followed: a path, or the `s3://` URI.
   * @throws StanflowError MEDIA_OUTSIDE, INPUT_NOT_FOUND
   */
  async open(path: string): Promise<string> {
    const why = this.refuses(path)
    if (why !== undefined) throw outside(why)
    if (isBucket(path)) return path
    const real = await realpath(this.#absolute(path)).catch(() => undefined)
    if (real === undefined) throw new StanflowError('INPUT_NOT_FOUND', 'The file is no longer where it was.')
    // A link may lead elsewhere.
    if (!this.#holds(real)) throw outside(OUTSIDE)
    if (!(await stat(real)).isFile()) throw outside('It is no file.')
    return real
  }

  #absolute(path: string): string {
    return isAbsolute(path) ? resolve(path) : resolve(this.#folders[0] ?? '.', path)
  }

  #holds(path: string): boolean {
    return this.#folders.some((root) => path.startsWith(root.endsWith(sep) ? root : root + sep))
  }
}

const OUTSIDE = 'It lies outside of the folders that may be shown.'

const outside = (why: string): StanflowError => new StanflowError('MEDIA_OUTSIDE', why)
