// Which tools to call, and with what.

/** The calls that the options ask for: the named ones, then every other read-only tool if that was asked. */
export function calls(tools, { calls: named, readOnly }) {
  const others = readOnly
    ? tools.filter((tool) => tool.annotations?.readOnlyHint === true && !named.some((call) => call.name === tool.name))
    : [];
  const all = [...named, ...others.map((tool) => ({ name: tool.name, arguments: example(tool.inputSchema) }))];
  if (all.length === 0) throw new Error('nothing to call: name a tool with --call, or give --call-read-only');
  return all;
}

/** The smallest value that a JSON schema lets through, for the schemas that tools commonly have. */
export function example(schema = {}) {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.default !== undefined) return schema.default;
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case 'string':
      return 'x'.repeat(Math.max(schema.minLength ?? 0, 1));
    case 'number':
    case 'integer':
      return schema.minimum ?? 1;
    case 'boolean':
      return false;
    case 'array':
      return Array.from({ length: schema.minItems ?? 0 }, () => example(schema.items));
    default:
      return Object.fromEntries((schema.required ?? []).map((name) => [name, example(schema.properties?.[name])]));
  }
}
