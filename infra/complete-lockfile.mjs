// A registry mirror may lack binaries for other platforms; npm then leaves them out of package-lock.json, and `npm ci`
// refuses the file. This adds them back by name and version: node infra/complete-lockfile.mjs, after every npm install.
import { readFileSync, writeFileSync } from 'node:fs'

const FILE = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(FILE, 'utf8'))
const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'openbsd', 'win32']
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64']

let added = 0
for (const { optionalDependencies = {}, dev } of Object.values({ ...lock.packages })) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const words = name.split(/[/-]/)
    const os = words.filter((word) => SYSTEMS.includes(word))
    const cpu = words.filter((word) => PROCESSORS.includes(word))
    const exact = /^\d+\.\d+\.\d+\S*$/.test(version)
    if (lock.packages[`node_modules/${name}`] !== undefined || os.length === 0 || !exact) continue
    const libc = words.includes('musl') ? { libc: ['musl'] } : {}
    lock.packages[`node_modules/${name}`] = { version, cpu, ...(dev && { dev }), ...libc, optional: true, os }
    added++
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${added} optional packages added`)
