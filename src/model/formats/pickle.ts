import { StanflowError } from '../../errors.js'
import { PickleReader } from './pickle-reader.js'
import { PickleStack } from './pickle-stack.js'
import { type Builder, Tuple, type Value } from './pickle-values.js'

/**
 * Reads one pickle of protocols 2 to 5 as plain data. Names and calls go to the builder; nothing is ever looked up or
 * run, and what only code could make (`INST`, `OBJ`, extension registries, out-of-band buffers) is refused.
 * @returns the value, and the position after its `STOP`
 * @throws StanflowError MODEL_WEIGHTS where the bytes are no such pickle, MODEL_UNSAFE for what is refused
 */
export function readPickle(
  bytes: Buffer,
  start: number,
  builder: Builder,
  path: string,
): { readonly value: Value; readonly end: number } {
  const broken = (why: string): StanflowError =>
    new StanflowError('MODEL_WEIGHTS', `${path} holds no usable pickle: ${why}`)
  const refuse = (what: string): StanflowError =>
    new StanflowError('MODEL_UNSAFE', `${path} uses ${what}, which a file of weights has no need of`)

  const read = new PickleReader(bytes, start, broken)
  const stack = new PickleStack(broken)

  while (true) {
    const opcode = read.u8()
    switch (opcode) {
      case 0x80: // PROTO
        if (read.u8() > 5) throw broken('its protocol is newer than 5')
        break
      case 0x95: // FRAME
        read.take(8)
        break
      case 0x2e: // STOP
        return { value: stack.pop(), end: read.at }
      case 0x28: // MARK
        stack.mark()
        break
      case 0x30: // POP
        stack.drop()
        break
      case 0x31: // POP_MARK
        stack.sinceMark()
        break
      case 0x32: // DUP
        stack.push(stack.top())
        break

      case 0x4e: // NONE
        stack.push(null)
        break
      case 0x88: // NEWTRUE
        stack.push(true)
        break
      case 0x89: // NEWFALSE
        stack.push(false)
        break
      case 0x4a: // BININT
        stack.push(read.take(4).readInt32LE())
        break
      case 0x4b: // BININT1
        stack.push(read.u8())
        break
      case 0x4d: // BININT2
        stack.push(read.u16())
        break
      case 0x8a: // LONG1
        stack.push(read.long(read.u8()))
        break
      case 0x8b: // LONG4
        stack.push(read.long(read.u32()))
        break
      case 0x47: // BINFLOAT
        stack.push(read.take(8).readDoubleBE())
        break
      case 0x58: // BINUNICODE
      case 0x54: // BINSTRING, of Python 2
        stack.push(read.text(read.u32()))
        break
      case 0x8c: // SHORT_BINUNICODE
      case 0x55: // SHORT_BINSTRING, of Python 2
        stack.push(read.text(read.u8()))
        break
      case 0x8d: // BINUNICODE8
        stack.push(read.text(read.u64()))
        break
      case 0x42: // BINBYTES
        stack.push(read.take(read.u32()))
        break
      case 0x43: // SHORT_BINBYTES
        stack.push(read.take(read.u8()))
        break
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        stack.push(read.take(read.u64()))
        break

      case 0x5d: // EMPTY_LIST
      case 0x8f: // EMPTY_SET
        stack.push([])
        break
      case 0x29: // EMPTY_TUPLE
        stack.push(new Tuple([]))
        break
      case 0x7d: // EMPTY_DICT
        stack.push(new Map())
        break
      case 0x61: // APPEND
        stack.extend([stack.pop()])
        break
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        stack.extend(stack.sinceMark())
        break
      case 0x6c: // LIST
      case 0x91: // FROZENSET
        stack.push(stack.sinceMark())
        break
      case 0x74: // TUPLE
        stack.push(new Tuple(stack.sinceMark()))
        break
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        stack.tuple(opcode - 0x84)
        break
      case 0x64: {
        // DICT
        const items = stack.sinceMark()
        stack.push(new Map())
        stack.assign(items)
        break
      }
      case 0x73: {
        // SETITEM
        const value = stack.pop()
        stack.assign([stack.pop(), value])
        break
      }
      case 0x75: // SETITEMS
        stack.assign(stack.sinceMark())
        break

      case 0x71: // BINPUT
        stack.remember(read.u8())
        break
      case 0x72: // LONG_BINPUT
        stack.remember(read.u32())
        break
      case 0x94: // MEMOIZE
        stack.remember()
        break
      case 0x68: // BINGET
        stack.recall(read.u8())
        break
      case 0x6a: // LONG_BINGET
        stack.recall(read.u32())
        break

      case 0x63: {
        // GLOBAL
        const module = read.line()
        stack.push(builder.global(`${module}.${read.line()}`))
        break
      }
      case 0x93: {
        // STACK_GLOBAL
        const name = stack.pop()
        const module = stack.pop()
        if (typeof name !== 'string' || typeof module !== 'string') throw broken('a name is no text')
        stack.push(builder.global(`${module}.${name}`))
        break
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const given = stack.args()
        stack.push(builder.call(stack.pop(), given))
        break
      }
      case 0x62: {
        // BUILD
        const state = stack.pop()
        builder.build(stack.top(), state)
        break
      }
      case 0x51: // BINPERSID
        stack.push(builder.persistent(stack.pop()))
        break

      case 0x69: {
        // INST
        const module = read.line()
        throw refuse(`the instruction INST (${module}.${read.line()})`)
      }
      case 0x6f: // OBJ
        throw refuse('the instruction OBJ')
      case 0x92: // NEWOBJ_EX
        throw refuse('the instruction NEWOBJ_EX')
      case 0x82: // EXT1
      case 0x83: // EXT2
      case 0x84: // EXT4
        throw refuse('the registry of extensions')
      case 0x97: // NEXT_BUFFER
      case 0x98: // READONLY_BUFFER
        throw refuse('buffers outside the file')
      default:
        throw broken(`it has the unknown instruction 0x${opcode.toString(16)} at byte ${read.at - 1}`)
    }
  }
}
