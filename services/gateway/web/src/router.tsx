import { createRootRoute, createRoute, createRouter } from "@tanstack/react-router";
import { JobPage } from "./pages/job.tsx";
import { JobsPage } from "./pages/jobs.tsx";
import { NewJobPage } from "./pages/new-job.tsx";
import { Layout } from "./parts/layout.tsx";

const rootRoute = createRootRoute({ component: Layout });
const jobsRoute = createRoute({ getParentRoute: () => rootRoute, path: "/", component: JobsPage });
const newJobRoute = createRoute({ getParentRoute: () => rootRoute, path: "/new", component: NewJobPage });
const jobRoute = createRoute({ getParentRoute: () => rootRoute, path: "/jobs/$jobId", component: JobPage });

export function createAppRouter() {
  return createRouter({ routeTree: rootRoute.addChildren([jobsRoute, newJobRoute, jobRoute]) });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
