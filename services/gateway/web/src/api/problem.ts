/** A refused request as the gateway says it (RFC 9457 problem details). */
export interface ProblemDetails {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly reason?: string;
  readonly request_id?: string;
  readonly violations?: readonly { readonly field: string; readonly description: string }[];
}

export class ApiProblem extends Error {
  readonly problem: ProblemDetails;

  constructor(problem: ProblemDetails) {
    super(problem.detail || problem.title);
    this.name = "ApiProblem";
    this.problem = problem;
  }
}

export async function problemOf(response: Response): Promise<ApiProblem> {
  const fallback = {
    title: response.statusText,
    status: response.status,
    detail: `The server answered ${response.status}.`,
  };
  const body: unknown = await response.json().catch(() => null);
  return new ApiProblem(isProblem(body) ? body : fallback);
}

function isProblem(body: unknown): body is ProblemDetails {
  return typeof body === "object" && body !== null && "title" in body && "status" in body;
}
