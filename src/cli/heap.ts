import { setFlagsFromString } from 'node:v8'

// Pixels come in chunks whose buffers live until the next small collection. A young generation that grows, as it does by
// default, collects less often and lets them pile up, so it stays as small as it starts. Imported before anything else.
setFlagsFromString('--semi-space-growth-factor=1')
