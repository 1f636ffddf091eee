import type { BrokerEvent } from '@warren/broker'
import type { Logger } from '@warren/service'

/** What happens between this process and its broker, as log lines; a dead letter is an error, whatever else is a warning. */
export function brokerLog(logger: Logger): (event: BrokerEvent) => void {
  return ({ type, ...event }) => {
    const fields = 'error' in event ? { ...event, error: String(event.error) } : event
    if (type === 'connected' || type === 'unblocked' || type === 'resubscribed') logger.info(fields, `broker: ${type}`)
    else if (type === 'dead-letter' || type === 'failed') logger.error(fields, `broker: ${type}`)
    else logger.warn(fields, `broker: ${type}`)
  }
}
