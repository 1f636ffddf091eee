export { type CoordinatorConfig, coordinatorConfig } from './config.ts'
export { type CoordinatorDeps, runCoordinator } from './coordinator.ts'
