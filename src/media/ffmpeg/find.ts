import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The programs, where they are. */
export interface FfmpegPrograms {
  readonly ffmpeg: string
  readonly ffprobe: string
  /** As the program says, such as `5.1.9-0+deb12u1`. */
  readonly version: string
  /** Whether it knows `-fps_mode`, which took the place of `-vsync` in 5.1. */
  readonly fpsMode: boolean
}

/** Looks for ffmpeg in FFMPEG_PATH, then in PATH; for ffprobe in FFPROBE_PATH, beside ffmpeg, then in PATH. */
export async function findFfmpeg(env: NodeJS.ProcessEnv = process.env): Promise<FfmpegPrograms | undefined> {
  const onPath = (name: string): string[] =>
    (env.PATH ?? '')
      .split(delimiter)
      .filter(Boolean)
      .map((folder) => join(folder, name))
  const ffmpeg = await firstExecutable([...given(env.FFMPEG_PATH), ...onPath('ffmpeg')])
  if (ffmpeg === undefined) return undefined
  const ffprobe = await firstExecutable([
    ...given(env.FFPROBE_PATH),
    join(dirname(ffmpeg), 'ffprobe'),
    ...onPath('ffprobe'),
  ])
  if (ffprobe === undefined) return undefined
  const version = await versionOf(ffmpeg)
  if (version === undefined) return undefined
  const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(version)?.slice(1) ?? []).map(Number)
  // A build from source has a date or hash for a version, and is newer.
  const fpsMode = major === 0 || major > 5 || (major === 5 && minor >= 1)
  return { ffmpeg, ffprobe, version, fpsMode }
}

const given = (path: string | undefined): string[] => (path === undefined || path === '' ? [] : [path])

async function firstExecutable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path
  }
  return undefined
}

async function versionOf(ffmpeg: string): Promise<string | undefined> {
  const answer = await run(ffmpeg, ['-version']).catch(() => undefined)
  return answer && /^ffmpeg version (\S+)/.exec(answer.stdout)?.[1]
}
