import { broadcast, channel, type OneshotSender, oneshot, TaskGroup, watch } from '@warren/async'

/** A worker that takes requests, answers each, tells everybody about it, and looks up how it is to work. */
export async function example(print: (line: string) => void): Promise<void> {
  const requests = channel<{ readonly n: number; readonly answer: OneshotSender<string> }>(2)
  const settings = watch({ unit: 'm' })
  const log = broadcast<string>(2)
  using fast = log.subscribe()
  using slow = log.subscribe()

  await using group = new TaskGroup()
  group.spawn(async () => {
    for await (const { n, answer } of requests.receiver) {
      const text = `${n} ${settings.receiver.value.unit}`
      answer.send(text) // false, when nobody waits for it any more
      log.send(text)
    }
    log.close()
  })

  for (const n of [1, 2, 3]) {
    if (n === 3) settings.sender.send({ unit: 'km' })
    const { sender, receiver } = oneshot<string>()
    await requests.sender.send({ n, answer: sender }) // a third request that nobody has taken waits here
    print(`answer: ${await receiver.recv()}`)
    const news = await fast.recv()
    if (news?.state === 'ok') print(`fast: ${news.value}`)
  }
  requests.sender.close()

  for await (const news of slow) print(news.state === 'ok' ? `slow: ${news.value}` : `slow: lost ${news.lostCount}`)
}

/* Prints:
 * answer: 1 m
 * fast: 1 m
 * answer: 2 m
 * fast: 2 m
 * answer: 3 km
 * fast: 3 km
 * slow: lost 1
 * slow: 2 m
 * slow: 3 km
 */
