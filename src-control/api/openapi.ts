/** The OpenAPI document of one version of the API, made of the very schemas that check requests. */
import { z } from 'zod';
import type { Endpoint } from './endpoint.ts';

type Json = Readonly<Record<string, unknown>>;

/** What has no JSON form, such as a transformation, is described by what goes into it. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' });
  return json;
}

interface Found {
  readonly schemas: Record<string, unknown>;
}

/** Named schemas move to the document's components; each is there once. */
function placed(schema: z.ZodType, io: 'input' | 'output', found: Found): Json {
  const { $defs, ...json } = schemaOf(schema, io) as { $defs?: Json };
  for (const [name, one] of Object.entries($defs ?? {})) found.schemas[name] = moved(one);
  return moved(json) as Json;
}

const moved = (json: unknown): unknown =>
  JSON.parse(JSON.stringify(json).replaceAll('"#/$defs/', '"#/components/schemas/'));

const openPath = (path: string): string => path.replace(/:(\w+)/g, '{$1}');

/** One query parameter for each member; what is not an object takes any. */
function queryOf(schema: z.ZodType | undefined, found: Found): readonly Json[] {
  if (schema === undefined) return [];
  const { properties, required } = placed(schema, 'input', found) as {
    properties?: Json;
    required?: string[];
  };
  return Object.entries(properties ?? {}).map(([name, one]) => ({
    ...{ name, in: 'query', schema: one },
    required: required?.includes(name) ?? false,
  }));
}

const needOf = ({ need }: Endpoint): string =>
  need === 'open'
    ? 'a scope that depends on what is asked'
    : need === 'none'
      ? 'any key'
      : `the scope \`${need}\``;

function operation(one: Endpoint, found: Found): Json {
  const names = [...one.path.matchAll(/:(\w+)/g)].map(([, name]) => name);
  const type = one.isRaw === true ? 'text/plain' : 'application/json';
  return {
    operationId: `${one.method.toLowerCase()}${one.path.replace(/^\/api\/v\d/, '').replace(/[^\w]+/g, '_')}`,
    summary: one.summary,
    description: `Needs ${needOf(one)}.`,
    tags: [one.tag],
    ...(one.need === 'open' || one.need === 'none' ? {} : { 'x-required-scope': one.need }),
    parameters: [
      ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...queryOf(one.query, found),
    ],
    ...(one.body === undefined
      ? {}
      : { requestBody: { content: { [type]: { schema: placed(one.body, 'input', found) } } } }),
    responses: {
      200: {
        description: 'done',
        content: { 'application/json': { schema: placed(one.result, 'output', found) } },
      },
      default: { description: 'refused; the body says why' },
    },
  };
}

export function openApi(title: string, version: string, endpoints: readonly Endpoint[]): Json {
  const found: Found = { schemas: {} };
  const paths: Record<string, Record<string, Json>> = {};
  for (const one of endpoints) {
    const path = openPath(one.path);
    paths[path] = { ...paths[path], [one.method.toLowerCase()]: operation(one, found) };
  }
  return {
    openapi: '3.1.0',
    info: { title, version },
    security: [{ bearer: [] }, { basic: [] }],
    paths,
    components: {
      schemas: found.schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        basic: { type: 'http', scheme: 'basic' },
      },
    },
  };
}
