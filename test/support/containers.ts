import { freePort, type StoreServer } from './processes.ts'

export interface ContainerPlan {
  readonly image: string
  readonly port: number
  readonly command: readonly string[]
  readonly environment?: { readonly [name: string]: string }
  readonly url: (host: string, port: number) => string
  readonly answers: (url: string) => Promise<unknown>
}

/** Starts the store in a container, or says undefined where no container engine answers. */
export async function startContainer(plan: ContainerPlan): Promise<StoreServer | undefined> {
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers')
  const engine = await getContainerRuntimeClient().catch(() => undefined)
  if (engine === undefined) return undefined
  // A port of our own choice, so that the address stays the same when the container is killed and started again.
  const container = await new GenericContainer(plan.image)
    .withEnvironment({ ...plan.environment })
    .withCommand([...plan.command])
    .withExposedPorts({ container: plan.port, host: await freePort() })
    .withWaitStrategy(Wait.forListeningPorts())
    .start()
  const url = plan.url(container.getHost(), container.getMappedPort(plan.port))
  const raw = engine.container.getById(container.getId())
  const answering = async () => {
    const deadline = Date.now() + 30_000
    for (;;) {
      try {
        await plan.answers(url)
        return
      } catch (error) {
        if (Date.now() > deadline) throw error
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
  }
  await answering()
  return {
    url,
    origin: `container ${plan.image}`,
    async kill() {
      await raw.kill({ signal: 'SIGKILL' })
    },
    async pause() {
      await raw.pause()
      return async () => void (await raw.unpause())
    },
    async restart() {
      await raw.start()
      await answering()
    },
    async stop() {
      await container.stop({ timeout: 0 })
    },
  }
}
