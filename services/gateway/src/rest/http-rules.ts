import { type DescField, type DescMethod, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { type HttpRule, http } from "@gradients/contracts/google";
import { type PathTemplate, parsePathTemplate } from "./path-template.ts";

type HttpVerb = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** One way to reach a method over HTTP. */
export interface Route {
  readonly method: DescMethod;
  readonly verb: HttpVerb;
  readonly template: PathTemplate;
  /** Where the request's body goes: the whole message, one field of it, or nowhere. */
  readonly body: "*" | DescField | undefined;
  /** Field of the response that is the answer's body; the whole response when undefined. */
  readonly responseBody: DescField | undefined;
}

/** The routes that the google.api.http rules of a service describe. Throws for a rule that names what is not there. */
export function readRoutes(service: DescService): readonly Route[] {
  return service.methods
    .filter((method) => hasOption(method, http))
    .flatMap((method) => {
      const rule = getOption(method, http);
      return [rule, ...rule.additionalBindings].map((binding) => toRoute(method, binding));
    });
}

function toRoute(method: DescMethod, rule: HttpRule): Route {
  const [verb, path] = patternOf(method, rule);
  return {
    method,
    verb,
    template: parsePathTemplate(path),
    body:
      rule.body === "*"
        ? "*"
        : rule.body === ""
          ? undefined
          : fieldOf(method.input.fields, method, rule.body),
    responseBody:
      rule.responseBody === "" ? undefined : fieldOf(method.output.fields, method, rule.responseBody),
  };
}

function patternOf(method: DescMethod, { pattern }: HttpRule): readonly [HttpVerb, string] {
  if (pattern.case === undefined || pattern.case === "custom")
    throw new Error(`${method.name} has an HTTP rule without a path`);
  return [pattern.case.toUpperCase() as HttpVerb, pattern.value];
}

function fieldOf(fields: readonly DescField[], method: DescMethod, name: string): DescField {
  const field = fields.find((candidate) => candidate.name === name);
  if (!field) throw new Error(`The HTTP rule of ${method.name} names the field ${name}, which is not there`);
  return field;
}
