import { useEffect } from "preact/hooks";
import { Panel } from "./panel/panel";
import { Banner, DropHint, Keys, Notices, Said } from "./shell/edges";
import { Empty } from "./shell/empty";
import { takeFiles } from "./shell/files";
import { Gate } from "./shell/gate";
import { addPageKeys } from "./shell/keys";
import { Queue } from "./shell/queue";
import { Rail } from "./shell/rail";
import { Strip } from "./shell/strip";
import { Table } from "./shell/table";
import { Top } from "./shell/top";
import { Uploads } from "./shell/uploads";
import { Stage } from "./stage/stage";
import { connection, inputs, session } from "./store/data";
import { followJobs, titlePage } from "./store/history";
import { openPanel, panelOpen, sheet, view } from "./store/shell";
import { text } from "./text/en";

function Middle() {
  if (!session.value) return <span class="hidden">{text.shell.loading}</span>;
  if (inputs.value.length === 0) return <Empty />;
  return view.value === "table" ? <Table /> : <Stage />;
}

function Side() {
  const label = panelOpen.value ? text.shell.closePanel : text.shell.openPanel;
  return (
    <aside id="panel" class={panelOpen.value ? "panel" : "panel peek"} aria-label={text.shell.panel}>
      {sheet.value && (
        <button
          type="button"
          class="panel-handle"
          aria-label={label}
          title={label}
          aria-expanded={panelOpen.value}
          aria-controls="panel"
          onClick={() => openPanel(!panelOpen.value)}
        />
      )}
      <Panel />
    </aside>
  );
}

export function App() {
  useEffect(() => {
    const undo = [addPageKeys(), takeFiles(), followJobs(), titlePage()];
    return () => undo.forEach((each) => void each());
  }, []);
  if (connection.value === "token" || connection.value === "password") return <Gate />;
  const filled = inputs.value.length > 0;
  const panel = filled && (panelOpen.value || sheet.value);
  return (
    <div class={`app${filled ? " filled" : ""}`}>
      <Banner />
      <Rail />
      <div class="middle">
        <Top />
        <main class="stage" aria-label={text.shell.stage}>
          <Middle />
        </main>
        {view.value === "picture" && <Strip />}
      </div>
      {panel && <Side />}
      <Queue />
      <div class="corner">
        <Uploads />
        <Notices />
      </div>
      <Said />
      <Keys />
      <DropHint />
    </div>
  );
}
