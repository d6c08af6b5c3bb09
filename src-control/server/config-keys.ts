/** Which keys a schema has at a place, for errors that help and for settings from the environment. */
import { z } from 'zod';

/** Empty where there are no named keys. */
export function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let here: z.ZodType | undefined = bare(schema);
  for (const step of path) here = here === undefined ? undefined : inside(here, step);
  // One element may stand without the list around it.
  if (here instanceof z.ZodArray) here = bare(here.element as z.ZodType);
  return here instanceof z.ZodObject ? Object.keys(here.shape) : [];
}

function inside(schema: z.ZodType, step: PropertyKey): z.ZodType | undefined {
  if (schema instanceof z.ZodArray) {
    const element = bare(schema.element as z.ZodType);
    return typeof step === 'number' ? element : inside(element, step);
  }
  if (schema instanceof z.ZodRecord) return bare(schema.valueType as z.ZodType);
  if (!(schema instanceof z.ZodObject) || typeof step !== 'string') return undefined;
  const found: unknown = Object.hasOwn(schema.shape, step) ? schema.shape[step] : undefined;
  return found instanceof z.ZodType ? bare(found) : undefined;
}

/** Without what only says when a value may be missing or how it is read. */
function bare(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    return bare(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodPipe) {
    const { in: before, out: after } = schema;
    return bare((before instanceof z.ZodTransform ? after : before) as z.ZodType);
  }
  if (schema instanceof z.ZodUnion) {
    const objects = schema.options.map((one) => bare(one as z.ZodType));
    return objects.find((one) => one instanceof z.ZodObject || one instanceof z.ZodArray) ?? schema;
  }
  return schema;
}
