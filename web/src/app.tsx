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
import { picture } from "./store/choice";
import { connection, inputs, session } from "./store/data";
import { followJobs, followServer, titlePage } from "./store/history";
import { followMasks } from "./store/own";
import { panelOpen, sheet, view } from "./store/shell";
import { text } from "./text/en";

function Middle() {
  if (!session.value) return <span class="hidden">{text.shell.loading}</span>;
  if (inputs.value.length === 0) return <Empty />;
  if (view.value === "table") return <Table />;
  return (
    <>
      <h1 class="hidden">{picture.value?.name}</h1>
      <Stage />
    </>
  );
}

/** Puts the focus on the first thing of the middle that can have it. */
function focusStage(): void {
  document.querySelector<HTMLElement>("main :is([tabindex='0'], button, input, a[href])")?.focus();
}

export function App() {
  useEffect(() => {
    const undo = [addPageKeys(), takeFiles(), followJobs(), followServer(), followMasks(), titlePage()];
    return () => undo.forEach((each) => void each());
  }, []);
  if (connection.value === "token" || connection.value === "password") return <Gate />;
  const filled = inputs.value.length > 0;
  const panel = filled && (panelOpen.value || sheet.value);
  return (
    <div class={`app${filled ? " filled" : ""}`}>
      <button type="button" class="skip" onClick={focusStage}>
        {text.shell.skip}
      </button>
      <Banner />
      <Rail />
      <div class="middle">
        <Top />
        <main class="stage" aria-label={text.shell.stage}>
          <Middle />
        </main>
        {view.value === "picture" && <Strip />}
      </div>
      {panel && (
        <aside id="panel" class="panel" aria-label={text.shell.panel}>
          <Panel />
        </aside>
      )}
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
