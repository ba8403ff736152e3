import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

/** Seconds that a drain may take; those at the end of it in which what is given up may end by itself. */
const DRAIN_SECONDS = 15
const GRACE_SECONDS = 1

/** Delivers for as long as a drain may take, then gives up. @throws what makes `deliver` fail before */
export async function drain(
  deliver: () => Promise<void>,
  giveUp: AbortController,
  seconds: number = DRAIN_SECONDS,
): Promise<void> {
  const last = setTimeout(() => giveUp.abort(), (seconds - GRACE_SECONDS) * 1000)
  const given = once(giveUp.signal, 'abort')
  try {
    const delivered = deliver()
    await Promise.race([delivered, given])
    if (giveUp.signal.aborted) await Promise.race([delivered, sleep(GRACE_SECONDS * 1000)])
  } catch (error) {
    if (!giveUp.signal.aborted) throw error
  } finally {
    clearTimeout(last)
  }
}
