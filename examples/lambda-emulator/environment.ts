import type { SandboxConfig } from './config';

/**
 * The variables that only the function has. An extension gets the rest.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
const functionOnly = [
  '_HANDLER',
  '_X_AMZN_TRACE_ID',
  'AWS_EXECUTION_ENV',
  'AWS_LAMBDA_LOG_GROUP_NAME',
  'AWS_LAMBDA_LOG_STREAM_NAME',
  'AWS_XRAY_CONTEXT_MISSING',
  'AWS_XRAY_DAEMON_ADDRESS',
  'LAMBDA_RUNTIME_DIR',
  'LAMBDA_TASK_ROOT',
];

/**
 * The environment of the runtime: ours, so that it finds its programs and your credentials, and over it what Lambda sets.
 * `_X_AMZN_TRACE_ID` is missing on purpose: a runtime sets it for each invocation, from the header.
 */
export function runtimeEnvironment(config: SandboxConfig, runtimeApi: string): NodeJS.ProcessEnv {
  const { functionName, functionVersion, handler, memoryMb, region } = config;
  const today = new Date().toISOString().slice(0, 10).replaceAll('-', '/');
  return {
    ...process.env,
    AWS_LAMBDA_RUNTIME_API: runtimeApi,
    AWS_LAMBDA_FUNCTION_NAME: functionName,
    AWS_LAMBDA_FUNCTION_VERSION: functionVersion,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${functionName}`,
    AWS_LAMBDA_LOG_STREAM_NAME: `${today}/[${functionVersion}]${config.instanceId}`,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_XRAY_CONTEXT_MISSING: 'LOG_ERROR',
    AWS_XRAY_DAEMON_ADDRESS: '127.0.0.1:2000',
    LAMBDA_TASK_ROOT: process.cwd(),
    LAMBDA_RUNTIME_DIR: '/var/runtime',
    _HANDLER: handler,
    TZ: ':UTC',
  };
}

/** The environment of an extension. */
export function extensionEnvironment(config: SandboxConfig, runtimeApi: string): NodeJS.ProcessEnv {
  const environment = runtimeEnvironment(config, runtimeApi);
  for (const name of functionOnly) delete environment[name];
  return environment;
}
