//! The Open Inference Protocol, version 2, as a client speaks it: two tensors asked, one answered.

use serde::{Deserialize, Serialize};

use crate::features::{COUNT, Features, WINDOW};
use crate::http::CallError;

/// The tensor that is asked for.
const OUTPUT: &str = "probabilities";

/// `{"inputs":[{name, shape, datatype, data}, …],"outputs":[{name}]}`; data lie flat, row by row.
#[derive(Serialize)]
pub(super) struct Request {
    inputs: [Tensor; 2],
    outputs: [Wanted; 1],
}

#[derive(Serialize)]
struct Tensor {
    name: &'static str,
    shape: Vec<usize>,
    datatype: &'static str,
    data: Vec<f64>,
}

#[derive(Serialize)]
struct Wanted {
    name: &'static str,
}

impl Request {
    pub(super) fn of(features: &Features) -> Self {
        let tensor = |name, shape, data| Tensor {
            name,
            shape,
            datatype: "FP64",
            data,
        };
        Self {
            inputs: [
                tensor("X_tabular", vec![1, COUNT], features.tabular.to_vec()),
                tensor(
                    "X_sequential",
                    vec![1, WINDOW, COUNT],
                    features.sequence.as_flattened().to_vec(),
                ),
            ],
            outputs: [Wanted { name: OUTPUT }],
        }
    }
}

/// The tensors of an answer; what else it says is the server's own.
#[derive(Deserialize)]
pub(super) struct Reply {
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Output {
    name: String,
    shape: Vec<u64>,
    data: Data,
}

/// Flat or in rows: the protocol allows both.
#[derive(Deserialize)]
#[serde(untagged)]
enum Data {
    Flat(Vec<f64>),
    Rows(Vec<Vec<f64>>),
}

impl Reply {
    /// The one row of the tensor that was asked for.
    pub(super) fn row(self) -> Result<Vec<f64>, CallError> {
        let mut outputs = self.outputs.into_iter();
        let Some(output) = outputs.find(|output| output.name == OUTPUT) else {
            return Err(CallError::BadAnswer(format!("no output `{OUTPUT}`")));
        };
        let row = match output.data {
            Data::Flat(row) => row,
            Data::Rows(rows) => rows.concat(),
        };
        if output.shape == [1, row.len() as u64] {
            return Ok(row);
        }
        let (shape, got) = (output.shape, row.len());
        Err(CallError::BadAnswer(format!(
            "`{OUTPUT}` has shape {shape:?} and {got} numbers, not [1, 3]"
        )))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tensors_lie_flat_row_by_row_with_their_shapes() {
        let mut features = Features {
            tabular: [1.5; COUNT],
            sequence: vec![[2.5; COUNT]; WINDOW],
        };
        features.sequence[1][0] = 7.0;
        let json = serde_json::to_value(Request::of(&features)).unwrap();
        let [tabular, sequence] = [&json["inputs"][0], &json["inputs"][1]];
        assert_eq!(tabular["shape"], json!([1, 22]));
        assert_eq!(sequence["shape"], json!([1, 60, 22]));
        for (tensor, name, count) in [
            (tabular, "X_tabular", 22),
            (sequence, "X_sequential", 1_320),
        ] {
            assert_eq!(
                (&tensor["name"], &tensor["datatype"]),
                (&json!(name), &json!("FP64"))
            );
            assert_eq!(tensor["data"].as_array().unwrap().len(), count);
        }
        assert_eq!(sequence["data"][22], 7.0);
        assert_eq!(json["outputs"], json!([{ "name": "probabilities" }]));
    }

    #[test]
    fn one_row_of_the_named_output_is_taken_and_nothing_else() {
        let row = |outputs: serde_json::Value| {
            let reply: Reply =
                serde_json::from_value(json!({ "model_name": "m", "outputs": outputs })).unwrap();
            reply.row()
        };
        let other = json!({ "name": "label", "shape": [1], "data": [2] });
        for data in [json!([0.2, 0.3, 0.5]), json!([[0.2, 0.3, 0.5]])] {
            let good = json!({ "name": "probabilities", "shape": [1, 3], "data": data });
            assert_eq!(row(json!([other, good])).unwrap(), [0.2, 0.3, 0.5]);
        }
        let flat = json!({ "name": "probabilities", "shape": [3], "data": [0.2, 0.3, 0.5] });
        for bad in [json!([]), json!([other]), json!([flat])] {
            assert!(matches!(row(bad), Err(CallError::BadAnswer(_))));
        }
    }
}
