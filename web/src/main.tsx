import { render } from "preact";
import { App } from "./app";
import { onKey } from "./store/keys";
import { connect } from "./store/sync";
import "./style/tokens.css";
import "./style/base.css";
import "./style/shell.css";
import "./style/views.css";

// A token that the server did not take does not stay in the address.
if (location.search) history.replaceState(null, "", location.pathname);
connect();
addEventListener("keydown", onKey);
const root = document.getElementById("app");
root?.replaceChildren();
if (root) render(<App />, root);
