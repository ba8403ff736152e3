import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sharedBroker, topicPrefix } from '../support/kafka.js'
import { killIndexer } from './index-kills.js'

/** `npm run harness:index [kills] [clips]` */
const [kills = 20, clips = 20_000] = process.argv.slice(2).map(Number)
const dir = await mkdtemp(join(tmpdir(), 'stanflow-index-kills-'))
try {
  const { plain } = await sharedBroker()
  const began = performance.now()
  const { missing, mislabelled, ...outcome } = await killIndexer({
    ...{ brokers: plain, prefix: topicPrefix(), to: join(dir, 'index'), clips, kills },
  })
  const seconds = Math.round((performance.now() - began) / 1000)
  console.log({ ...outcome, clips, missing: missing.length, mislabelled: mislabelled.length, seconds })
  const exact =
    outcome.rows === clips && outcome.distinct === clips && missing.length + mislabelled.length === 0
  console.log(exact ? 'every clip is in the index once, with its labels' : 'THE INDEX IS NOT EXACT')
  process.exitCode = exact ? 0 : 1
} finally {
  await rm(dir, { recursive: true, force: true })
}
process.exit()
