import { type FormEvent, useState } from "react";
import { api } from "../api/client.ts";
import { forgetKey, storeKey } from "../api/key.ts";
import { ProblemNote } from "./problem-note.tsx";

export function SignIn({ onSignedIn }: { readonly onSignedIn: () => void }) {
  const [key, setKey] = useState("");
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    storeKey(key);
    try {
      await api.caller();
      onSignedIn();
    } catch (refused) {
      forgetKey();
      setError(refused);
    }
  };
  return (
    <form className="card mx-auto mt-16 max-w-md space-y-4" onSubmit={(event) => void submit(event)}>
      <h1 className="text-xl font-semibold">Sign in</h1>
      <p className="text-sm text-muted">Paste an API key of your project. It stays in this browser tab.</p>
      <input
        className="w-full rounded-lg border border-line px-3 py-2 font-mono text-sm"
        type="password"
        aria-label="API key"
        placeholder="grd_…"
        value={key}
        onChange={(event) => setKey(event.target.value)}
      />
      {error !== null && <ProblemNote error={error} />}
      <button type="submit" className="button button-primary" disabled={key.trim() === ""}>
        Sign in
      </button>
    </form>
  );
}
