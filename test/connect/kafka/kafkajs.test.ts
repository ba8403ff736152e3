import { contract } from './contract.js'

contract('kafkajs')
