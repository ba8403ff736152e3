import { lookup } from 'node:dns'
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net'
import { StanflowError } from '../errors.js'

const PRIVATE_4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24'],
  ...['203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
]
const PRIVATE_6 = [
  ...['::/128', '::1/128', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '2001:db8::/32', '2002::/16'],
  ...['fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
]
/** Where clouds hand out their credentials: never a receiver. */
const NEVER_4 = ['169.254.0.0/16']
const NEVER_6 = ['fe80::/10', 'fd00:ec2::/32']

const hidden = [list(PRIVATE_4, 'ipv4'), list(PRIVATE_6, 'ipv6')] as const
const never = [list(NEVER_4, 'ipv4'), list(NEVER_6, 'ipv6')] as const

/** Whether a webhook may go to an address. */
export function isAllowed(address: string, privately: boolean): boolean {
  // An IPv4 address in the clothes of an IPv6 one.
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return isAllowed(mapped, privately)
  if (isIP(address) === 0 || /^::ffff:/i.test(address)) return false
  const [four, six] = privately ? never : hidden
  return isIPv6(address) ? !six.check(address, 'ipv6') : !four.check(address, 'ipv4')
}

/** Why a URL is not one that webhooks go to, as far as it tells itself. */
export function refusesUrl(url: URL, privately: boolean): string | undefined {
  if (url.protocol === 'http:' && !privately) return 'does not speak https'
  const host = url.hostname.replaceAll(/^\[|\]$/g, '')
  if (isIP(host) === 0) return undefined
  return isAllowed(host, privately) ? undefined : 'has an address that webhooks do not go to'
}

/** Looks a name up and answers only with addresses that are allowed: those are the ones that are connected to. */
export function guardedLookup(privately: boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '', 4)
      const [first] = addresses
      if (first === undefined || !addresses.every(({ address }) => isAllowed(address, privately))) {
        const refused = new StanflowError(
          'WEBHOOK_ADDRESS',
          `${hostname} has an address that webhooks do not go to.`,
        )
        return callback(refused, '', 4)
      }
      if (options.all === true) return callback(null, addresses)
      return callback(null, first.address, first.family)
    })
  }
}

function list(subnets: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const all = new BlockList()
  for (const subnet of subnets) {
    const [network = '', prefix = ''] = subnet.split('/')
    all.addSubnet(network, Number(prefix), family)
  }
  return all
}
