import { useState } from "preact/hooks";
import { ApiError, api } from "../api/client";
import { wordsOf } from "../store/actions";
import { connection, session } from "../store/data";
import { load } from "../store/sync";
import { text } from "../text/en";
import { Mark } from "./rail";

/** The token in an address, or the text itself where it is a token alone; null where there is none. */
export function tokenOf(given: string): string | null {
  const found = /[?&#]token=([\w.~-]+)/.exec(given) ?? /^\s*([\w.~-]{16,})\s*$/.exec(given);
  return found?.[1] ?? null;
}

function Password() {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const enter = async (event: SubmitEvent) => {
    event.preventDefault();
    const field = (event.currentTarget as HTMLFormElement).elements.namedItem("password") as HTMLInputElement;
    setBusy(true);
    setError("");
    try {
      await api.login(field.value);
      await load();
    } catch (reason) {
      setError((reason instanceof ApiError && reason.status === 401 && text.gate.wrong) || wordsOf(reason));
      field.select();
    }
    setBusy(false);
  };
  return (
    <form onSubmit={enter}>
      <h1>{text.gate.passwordTitle}</h1>
      <p>{text.gate.passwordLine}</p>
      <label for="password">{text.gate.password}</label>
      <input
        id="password"
        name="password"
        type="password"
        autocomplete="current-password"
        required
        ref={(input) => input?.focus()}
        aria-invalid={error !== ""}
        aria-describedby="gate-error"
      />
      <p id="gate-error" class="bad" role="alert">
        {error}
      </p>
      <button type="submit" class="button primary" disabled={busy}>
        {text.gate.enter}
      </button>
    </form>
  );
}

function Token() {
  const [error, setError] = useState("");
  // A page that had worked has met another server.
  const stale = session.value !== null;
  const go = (event: SubmitEvent) => {
    event.preventDefault();
    const field = (event.currentTarget as HTMLFormElement).elements.namedItem("address") as HTMLInputElement;
    const token = tokenOf(field.value);
    if (token) location.assign(`./?token=${token}`);
    else setError(text.gate.noToken);
  };
  return (
    <form onSubmit={go}>
      <h1>{stale ? text.gate.staleTitle : text.gate.tokenTitle}</h1>
      <p>{stale ? text.gate.staleLine : text.gate.tokenLine}</p>
      <p>
        <code>
          {location.origin}/?token=<span class="soft">…</span>
        </code>
      </p>
      <label for="address">{text.gate.address}</label>
      <input
        id="address"
        name="address"
        type="text"
        autocomplete="off"
        spellcheck={false}
        required
        aria-describedby="gate-error"
      />
      <p id="gate-error" class="bad" role="alert">
        {error}
      </p>
      <button type="submit" class="button primary">
        {text.gate.go}
      </button>
    </form>
  );
}

/** In place of the page where the server does not let it in. */
export function Gate() {
  return (
    <main class="gate">
      <Mark size={40} />
      {connection.value === "password" ? <Password /> : <Token />}
    </main>
  );
}
