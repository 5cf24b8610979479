import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { Route } from "./http-rules.ts";
import { createSchemas, type JsonSchema, type Schemas } from "./openapi-schemas.ts";
import { PROBLEM_TYPE } from "./problem.ts";
import { UPLOAD_PATH } from "./upload.ts";

/** The OpenAPI 3.1 document of the REST form of some services, read from their descriptors: it cannot differ from what is served. */
export function openApiDocument(services: readonly DescService[], routes: readonly Route[]): object {
  const schemas = createSchemas();
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = openPath(route.template.source);
    paths[path] = { ...paths[path], [route.verb.toLowerCase()]: operationOf(route, schemas) };
  }
  const upload = services.flatMap(({ methods }) => methods).find(({ name }) => name === "UploadDataset");
  if (upload) paths[openPath(UPLOAD_PATH)] = { post: uploadOperation(upload, schemas) };
  return {
    openapi: "3.1.0",
    info: {
      title: "Gradients",
      version: "v1",
      description: "Fine-tuning by competition. The same calls are served over gRPC with reflection.",
    },
    security: [{ apiKey: [] }],
    paths,
    components: {
      securitySchemes: {
        apiKey: { type: "http", scheme: "bearer", description: "An API key of the project." },
      },
      schemas: { ...schemas.collected(), Problem: problemSchema },
    },
  };
}

function operationOf(route: Route, schemas: Schemas): object {
  const { method, body } = route;
  return {
    operationId: method.localName,
    description: schemas.commentOf(method),
    parameters: [
      ...pathParameters(route.template.source),
      ...queryParameters(route, schemas),
      ...headerParameters(method),
    ],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { "application/json": { schema: bodySchema(route, schemas) } },
          },
        }),
    responses: { "200": answer(route, schemas), default: refusal },
  };
}

function bodySchema({ method, body, template }: Route, schemas: Schemas): JsonSchema {
  return body === "*" || body === undefined
    ? schemas.inline(method.input, template.variables)
    : schemas.ofField(body);
}

function answer({ method, responseBody }: Route, schemas: Schemas): object {
  const schema = responseBody ? schemas.ofField(responseBody) : schemas.ofMessage(method.output);
  const type = method.methodKind === "server_streaming" ? "text/event-stream" : "application/json";
  const description =
    type === "application/json"
      ? "Done."
      : "Server-sent events; the data of each is this message, its id the offset.";
  return { description, content: { [type]: { schema } } };
}

function uploadOperation(method: DescMethod, schemas: Schemas): object {
  const header = method.input.fields.find(({ name }) => name === "header");
  const fields =
    header?.message?.fields.filter(({ name, fieldKind }) => name !== "parent" && fieldKind === "scalar") ??
    [];
  return {
    operationId: method.localName,
    description: "Uploads a data set: the body is the file itself.",
    parameters: [
      ...pathParameters(UPLOAD_PATH),
      ...fields.map((field) => ({
        name: field.jsonName,
        in: "query",
        description: schemas.commentOf(field),
        schema: schemas.ofField(field),
      })),
    ],
    requestBody: {
      required: true,
      content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } },
    },
    responses: {
      "200": {
        description: "Stored; the check runs.",
        content: { "application/json": { schema: { $ref: "#/components/schemas/Dataset" } } },
      },
      default: refusal,
    },
  };
}

/** `{name=projects/*` + `/jobs/*}` becomes one path with a parameter for each wildcard. */
function openPath(source: string): string {
  return source.replaceAll(/\{[\w.]+=([^}]+)\}/g, (_, segments: string) => namedSegments(segments).join("/"));
}

function pathParameters(source: string): readonly object[] {
  const names = [...openPath(source).matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  return names.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } }));
}

/** The wildcard after `projects` is called `project`, and so on. */
function namedSegments(segments: string): readonly string[] {
  const parts = segments.split("/");
  return parts.map((part, index) =>
    part === "*" ? `{${(parts[index - 1] ?? "id").replace(/s$/, "")}}` : part,
  );
}

function queryParameters({ method, body, template }: Route, schemas: Schemas): readonly object[] {
  if (body === "*") return [];
  const fields = method.input.fields.filter(
    ({ name, fieldKind }) => !template.variables.includes(name) && fieldKind !== "map",
  );
  return fields.map((field) => ({
    name: field.jsonName,
    in: "query",
    description: schemas.commentOf(field),
    schema: schemas.ofField(field),
  }));
}

function headerParameters(method: DescMethod): readonly object[] {
  const hasRequestId = method.input.fields.some(({ name }) => name === "request_id");
  const resumes = method.methodKind === "server_streaming";
  return [
    ...(hasRequestId
      ? [
          {
            name: "Idempotency-Key",
            in: "header",
            description: "Same as requestId.",
            schema: { type: "string" },
          },
        ]
      : []),
    ...(resumes
      ? [
          {
            name: "Last-Event-ID",
            in: "header",
            description: "Goes on after this event.",
            schema: { type: "string" },
          },
        ]
      : []),
  ];
}

const refusal = {
  description: "Refused or failed.",
  content: { [PROBLEM_TYPE]: { schema: { $ref: "#/components/schemas/Problem" } } },
};

const problemSchema = {
  type: "object",
  description: "RFC 9457 problem details.",
  required: ["type", "title", "status", "detail", "code", "reason", "request_id"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    code: { type: "string", description: "Name of the gRPC status." },
    reason: { type: "string", description: "What a program branches on." },
    violations: {
      type: "array",
      items: {
        type: "object",
        properties: {
          field: { type: "string" },
          description: { type: "string" },
          reason: { type: "string" },
        },
      },
    },
    metadata: { type: "object", additionalProperties: { type: "string" } },
    request_id: { type: "string" },
  },
};
