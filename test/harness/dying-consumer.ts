import { pino } from 'pino'
import { type ConsumeOptions, consume } from '../../pipelines/consume.js'

/** `stanflow consume` that dies at once when it begins with a source that is called poison. */
const options = JSON.parse(process.argv[2] ?? '') as ConsumeOptions
const log = pino(
  { level: 'debug' },
  {
    write: (line: string) => {
      const { msg, source = '' } = JSON.parse(line) as { msg: string; source?: string }
      if (msg === 'input begun' && source.startsWith('poison')) process.kill(process.pid, 'SIGKILL')
    },
  },
)
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
await consume(options, { signal: stop.signal, log })
