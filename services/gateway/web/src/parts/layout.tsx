import { useQueryClient } from "@tanstack/react-query";
import { Link, Outlet } from "@tanstack/react-router";
import { useState } from "react";
import { forgetKey, readKey } from "../api/key.ts";
import { SignIn } from "./sign-in.tsx";

export function Layout() {
  const queryClient = useQueryClient();
  const [signedIn, setSignedIn] = useState(readKey() !== null);
  const signOut = () => {
    forgetKey();
    queryClient.clear();
    setSignedIn(false);
  };
  return (
    <div className="mx-auto max-w-6xl px-4 pb-16">
      <header className="flex items-center justify-between py-5">
        <Link to="/" className="flex items-center gap-2 text-lg font-semibold">
          <Mark /> Gradients
        </Link>
        {signedIn && (
          <nav className="flex items-center gap-3">
            <Link to="/new" className="button button-primary">
              New job
            </Link>
            <button type="button" className="button" onClick={signOut}>
              Sign out
            </button>
          </nav>
        )}
      </header>
      {signedIn ? <Outlet /> : <SignIn onSignedIn={() => setSignedIn(true)} />}
    </div>
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 16 16" className="size-6" aria-hidden="true">
      <path d="M1 3c6 0 5 10 14 10" fill="none" stroke="#4f46e5" strokeWidth="2.5" strokeLinecap="round" />
    </svg>
  );
}
