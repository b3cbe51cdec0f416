import { render } from "preact";
import { App } from "./app";
import { onKey } from "./store/keys";
import { connect } from "./store/sync";
import "./style/tokens.css";
import "./style/base.css";
import "./style/shell.css";
import "./style/views.css";

connect();
addEventListener("keydown", onKey);
const root = document.getElementById("app");
root?.replaceChildren();
if (root) render(<App />, root);
