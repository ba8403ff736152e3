import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface SmallDisk {
  readonly dir: string
  resize(size: string): Promise<void>
}

/** A disk of `size` (`400k`) in memory, gone after the test; undefined, and the test told as skipped, where none may be mounted. */
export async function smallDisk(t: TestContext, size: string): Promise<SmallDisk | undefined> {
  const dir = await mkdtemp(join(tmpdir(), 'stanflow-disk-'))
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', dir])
  } catch {
    await rm(dir, { recursive: true })
    t.skip('no small disk could be mounted here (that needs root)')
    return undefined
  }
  t.after(async () => {
    await run('umount', [dir])
    await rm(dir, { recursive: true })
  })
  return {
    dir,
    async resize(to) {
      await run('mount', ['-o', `remount,size=${to}`, dir])
    },
  }
}
